package handshake

import (
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe"
)

// How much is kept of what may come without end.
const (
	maxSchedule = 16
	maxResets   = 4
	maxSYNs     = 8
	maxData     = 64 << 10
)

// evidence is what a Follower keeps of the segments that it has seen.
type evidence struct {
	begin, last time.Time
	syn         opener // the client's SYN
	synack      opener // the server's SYN or SYN-ACK
	stamps      [maxSYNs]stamp
	accounted   int       // the last of those of which a repeated SYN-ACK was the answer; 0: none
	ack         time.Time // of the client's first ACK that completes the handshake

	resets     [maxResets]resetSeen // of the server, the first ones
	resetCount int
	clientRST  bool
	genuine    int // segments of the server after its own RST
	challenges int
	challenge  craft.Segment

	icmpCount int
	icmpError icmpSeen // the first that refuses
	pathMTU   uint32   // the smallest that was demanded; 0 none
	mtuFrom   netip.Addr

	data    flow
	shut    shutting
	fin     finishing
	ecn     ecnSeen
	retries [2]int

	ignored int           // segments of the client that the half-open server did not take
	pressed int           // of them those with data or a FIN
	repeats int           // SYN-ACKs that were retransmitted although they were acknowledged
	stuck   int           // of them those after data or a FIN
	first   firstSpoken   // what the server sent first after its SYN-ACK
	after   afterTimeWait // how the server treats a retransmitted FIN
	cookie  *cookieProof  // of a live check; nil where there was none
}

// stamp is when a SYN left, and its timestamp option.
type stamp struct {
	at  time.Time
	val uint32
}

// opener is what is kept of a SYN or SYN-ACK.
type opener struct {
	at       time.Time
	segment  craft.Segment // the first one, in memory of its own
	count    int
	schedule []time.Duration // of the repeated ones
	fragment bool            // of the first one only the first fragment was read
}

func (o *opener) seen() bool { return o.count > 0 }

// reply is the segment as evidence, nil where nobody verified its checksum.
func (o *opener) reply() *craft.Segment { return reply(&o.segment, o.fragment) }

func reply(s *craft.Segment, fragment bool) *craft.Segment {
	if fragment {
		return nil
	}
	return s
}

func (o *opener) add(at time.Time, s *craft.Segment) {
	if o.count++; o.count == 1 {
		o.at, o.segment = at, clone(s)
		return
	}
	if len(o.schedule) < maxSchedule {
		o.schedule = append(o.schedule, at.Sub(o.at))
	}
}

// clone copies a segment out of whatever buffer it lies in, without payload.
func clone(s *craft.Segment) craft.Segment {
	c := *s
	c.Options = append(craft.Options(nil), s.Options...)
	c.Payload = nil
	return c
}

// resetSeen is one RST of the server.
type resetSeen struct {
	at       time.Time
	segment  craft.Segment
	notes    Notes
	state    State // the client's, before it
	answered time.Duration
	fragment bool // only the first fragment was read
}

func (r *resetSeen) reply() *craft.Segment { return reply(&r.segment, r.fragment) }

// icmpSeen is one ICMP error.
type icmpSeen struct {
	from   netip.Addr
	code   probe.ICMPCode
	ttl    uint8
	reason probe.Reason
	state  State // the client's
}

// firstSpoken is the first segment by which the server shows that the
// handshake is complete on its side.
type firstSpoken struct {
	at     time.Time
	ttl    uint8
	window uint32
	seen   bool
}

// segment takes in what Observe has said of a segment.
func (v *evidence) segment(at time.Time, from Side, s *craft.Segment, n Notes, before, now *Pair) {
	if v.begin.IsZero() {
		v.begin = at
	}
	v.last = at
	if n.Has(NoteRetransmission) {
		v.retries[from]++
	}
	if from == Client {
		v.fromClient(at, s, n, before, now)
		return
	}
	v.fromServer(at, s, n, before, now)
}

func (v *evidence) fromClient(at time.Time, s *craft.Segment, n Notes, before, now *Pair) {
	switch {
	case s.Flags.Has(craft.RST):
		v.clientRST = true
		return
	case s.Flags.Has(craft.SYN | craft.ACK):
	case s.Flags.Has(craft.SYN):
		v.clientSYN(at, s)
	case v.ack.IsZero() && now.Server.Opened() && !n.Void():
		v.ack = at
	}
	if now.Server.Opened() && !now.Server.Confirmed() && !s.Flags.Has(craft.SYN) {
		v.ignored++
		if s.Len() > 0 {
			v.pressed++
		}
	}
	if !n.Void() {
		v.data.client(s, before, now)
		v.ecn.client(s)
		v.fin.merge(Client, s, before)
		v.after.client(v, s, before)
	}
}

func (v *evidence) clientSYN(at time.Time, s *craft.Segment) {
	if v.syn.count < maxSYNs {
		val, _, _ := s.Options.Timestamps()
		v.stamps[v.syn.count] = stamp{at, val}
	}
	v.syn.add(at, s)
}

func (v *evidence) fromServer(at time.Time, s *craft.Segment, n Notes, before, now *Pair) {
	if n.Has(NoteAfterReset) && !n.Void() {
		v.genuine++
	}
	switch {
	case s.Flags.Has(craft.RST):
		v.serverRST(at, s, n, before)
		v.after.reset()
		return
	case n.Has(NoteChallenge):
		v.challenges++
		v.challenge = clone(s)
		return
	case n.Void():
		return
	case s.Flags.Has(craft.SYN):
		v.serverSYN(at, s, before)
	case !v.first.seen:
		v.spoke(at, s, now)
	}
	v.data.server(s, n, before, now)
	v.shut.server(s, now)
	v.ecn.server(s)
	v.fin.server(at, s, before)
	v.after.server(s, before)
}

// firstOnly notes that of what came last only the first fragment was read: what its
// options say is no evidence.
func (v *evidence) firstOnly(at time.Time) {
	if o := &v.synack; o.at.Equal(at) {
		o.fragment, o.segment.Options = true, nil
	}
	if n := min(v.resetCount, maxResets); n > 0 && v.resets[n-1].at.Equal(at) {
		v.resets[n-1].fragment, v.resets[n-1].segment.Options = true, nil
	}
}

func (v *evidence) serverSYN(at time.Time, s *craft.Segment, before *Pair) {
	if !v.answersRepeat(at) {
		v.synack.add(at, s)
	}
	if before.Server.Opened() && !v.ack.IsZero() && !before.Server.Confirmed() && !v.underWay(at) {
		v.repeats++
		if v.pressed > 0 {
			v.stuck++
		}
	}
}

// answersRepeat tells whether a SYN-ACK answers a SYN of ours that was retransmitted while the
// first SYN-ACK was under way, which is no retransmission of the host's: a time stamp tells
// which SYN the first one answered, and this comes as long after a later SYN. Each such SYN
// accounts for one.
func (v *evidence) answersRepeat(at time.Time) bool {
	if !v.synack.seen() {
		return false
	}
	trip := v.answerTime(&v.synack.segment, v.synack.at)
	for i := v.accounted + 1; trip > 0 && i < min(v.syn.count, maxSYNs); i++ {
		before := v.synack.at.Sub(v.stamps[i].at)
		late := at.Sub(v.stamps[i].at) - trip
		if before > 0 && before < trip && late.Abs() <= trip/8 {
			v.accounted = i
			return true
		}
	}
	return false
}

// underWay tells whether a SYN-ACK may have left before our ACK was there: the host retransmits it after a
// second (RFC 6298 §2.1), also where the way is longer than that, and sends it for each SYN of ours. The first
// took a round trip at least.
func (v *evidence) underWay(at time.Time) bool {
	return v.syn.seen() && at.Sub(v.ack) <= v.longestTrip()
}

// longestTrip is how long a round trip takes at most, as the SYN-ACK tells.
func (v *evidence) longestTrip() time.Duration {
	trip := v.synack.at.Sub(v.syn.at)
	return trip + trip/8
}

func (v *evidence) spoke(at time.Time, s *craft.Segment, now *Pair) {
	v.first = firstSpoken{at: at, ttl: s.TTL, window: now.Server.Room, seen: true}
}

func (v *evidence) serverRST(at time.Time, s *craft.Segment, n Notes, before *Pair) {
	place := min(v.resetCount, maxResets-1)
	if v.resetCount < maxResets || !n.Void() && v.reset() == nil {
		r := resetSeen{at: at, segment: clone(s), notes: n, state: before.Client.State()}
		if v.syn.seen() {
			r.answered = at.Sub(v.syn.at)
		}
		v.resets[place] = r
	}
	v.resetCount++
}

// reset is the first RST of the server that counts, nil where there is none.
func (v *evidence) reset() *resetSeen {
	for i := range v.resets[:min(v.resetCount, maxResets)] {
		if r := &v.resets[i]; !r.notes.Void() {
			return r
		}
	}
	return nil
}

func (v *evidence) icmp(at time.Time, e *craft.ICMPError, state State) {
	v.last = at
	reason, tooBig := probe.ICMPMeaning(e.Quote.Dst.Addr(), e.Type, e.Code)
	switch {
	case tooBig && (v.pathMTU == 0 || e.MTU < v.pathMTU):
		v.pathMTU, v.mtuFrom = e.MTU, e.Src
		return
	case tooBig || reason == "":
		return
	}
	if v.icmpCount++; v.icmpCount == 1 {
		v.icmpError = icmpSeen{
			from: e.Src, code: probe.ICMPCode{Type: e.Type, Code: e.Code},
			ttl: e.TTL, reason: reason, state: state,
		}
	}
}
