package handshake

import (
	"cmp"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe"
)

// rarely is what a bystander keeps of what most connections never show.
type rarely struct {
	finsAt [2][]time.Duration // of repeated FINs, after the first

	reset, forged resetKept // the first RST of the server that counts, or else the first
	pending       resetKept // one that refuses what the server had taken
	refusedAt     int64     // of the latest RST before the first SYN-ACK
	lastRefusal   int64     // of the latest RST that answered a SYN
	refusedSYNs   uint16    // how many SYNs had been captured by then
	asksBefore    bool      // the first of them answered a SYN that had come again
	resetAt       int64     // of the first one that counts, to an open connection
	resetCount    uint8
	overflow      bool          // it answered the third segment
	alive         aliveAfter    // what shows that an RST was not its end's own
	contradicted  time.Duration // from an RST that refused to a SYN-ACK to the same SYN

	icmpCount uint8
	icmp      icmpKept
	onOpen    icmpKept
	openCount uint8
	pathMTU   uint32
	mtuFrom   netip.Addr

	acceptedAt int64 // of the client's SYN-ACK, to a SYN of the server

	challenges uint8
	challenge  [2]craft.Seq // its numbers
	lives      bool         // the client goes on with the old connection
	stray      craft.Seq    // the end of what the client sent of another connection; 0 none
	own        bool         // the client has shown that the SYN before them was its own
	refusable  refusable
	suspect    suspect
	question   question

	banner     []byte
	bannerLen  int
	synack     craft.Options // of the first SYN-ACK, where something is odd about it
	synackDiff craft.Options // of one that contradicts it
	fastOpen   []byte        // the cookie on the SYN
	cookie     []byte        // the cookie given
	met        bool          // the server has answered the client's SYN-ACK
	offered    bool          // MP_CAPABLE on the SYN
	multipath  bool          // and on the SYN-ACK

	earlyAt    int64  // of data of the server before the client's ACK
	earlyVal   uint32 // their timestamp
	earlyBytes int
	early      bool // and the SYN-ACK was retransmitted after it

	zero             zeroWindows
	late             uint64    // bytes of the server sent after it had the client's FIN
	lateSeq, lateAck craft.Seq // the first of them, and the highest acknowledgement
	lateSteps        uint8     // by which they were acknowledged without a FIN
	marked           int       // data segments of the client with congestion experienced
	unmarked,
	echoed bool // an acknowledgement of one of them came without ECE, with it

	synacks []time.Duration // of retransmitted SYN-ACKs, after the first
}

// resetKept is one RST of the server.
type resetKept struct {
	at       int64
	state    State // of the client, before it
	seq, ack craft.Seq
	flags    craft.Flags
	window   uint16
	ttl      uint8
	notes    Notes
}

// icmpKept is one ICMP error.
type icmpKept struct {
	from   netip.Addr
	code   probe.ICMPCode
	ttl    uint8
	reason probe.Reason
}

// zeroWindows are the windows of zero that a server announced while the client
// had more to send.
type zeroWindows struct {
	count       uint8
	first, last int64
	shut        bool // the last window was zero
	opened      bool // some later one was not
	room        bool // some window was not, at all
}

func (b *Bystander) rare() *rarely {
	if b.more == nil {
		b.more = &rarely{}
	}
	return b.more
}

// evidence keeps what a segment shows beyond states.
func (b *Bystander) evidence(at int64, from Side, s *craft.Segment, n Notes, kept Kept, before *Pair) {
	if kept.Elsewhere && (b.ackAt == 0 || s.Flags.Has(craft.SYN)) {
		b.known |= knowTwoClocks
	}
	switch {
	case s.Flags.Has(craft.RST) && from == Client:
		b.clientReset(at, s, n, before)
	case s.Flags.Has(craft.RST):
		b.serverReset(at, s, n, before)
	case n.Has(NoteChallenge):
		m := b.rare()
		m.lives = m.lives || m.challenges > 0 && m.challenge[1].LessThan(s.Ack) || m.stray != 0 && m.stray == s.Ack // somebody sends
		m.challenges = min(m.challenges, 254) + 1
		m.challenge = [2]craft.Seq{s.Seq, s.Ack}
		m.refusable.add(s.Ack)
	case n.Has(NoteDoubtful):
		b.suspected(at, s)
	case n.Has(NoteAside):
		b.rare().question = question{ack: s.Ack, set: true}
	case n.Has(NoteBadAck) && from == Server && s.Flags.Has(craft.SYN):
		b.rare().refusable.add(s.Ack)
	case n.Void() && from == Client && b.livesOn(s):
		b.more.lives = true
	case n.Void() && from == Client && s.Len() > 0 && b.known.has(knowClientSYN):
		b.rare().stray = s.Seq.Add(s.Len())
		b.strays = min(b.strays, 254) + 1
	case n.Void() && n.Has(NoteAfterReset): // a probe of something that is gone
	case n.Void():
		b.strays = min(b.strays, 254) + 1
	case s.Flags.Has(craft.SYN) && from == Client && !s.Flags.Has(craft.ACK):
		b.clientSYN(at, s, kept)
	case s.Flags.Has(craft.SYN) && from == Client: // its SYN-ACK to the server's SYN
		if m := b.rare(); m.acceptedAt == 0 {
			m.acceptedAt = at
		}
	case s.Flags.Has(craft.SYN):
		b.serverSYN(at, s, kept)
	case from == Client:
		b.alive(at, from, s, n, kept)
		b.fromClient(at, s, n)
		b.teardown(at, from, s)
	default:
		b.alive(at, from, s, n, kept)
		b.fromServer(at, s, n, kept, before)
		b.teardown(at, from, s)
	}
}

func (o *asking) add(at int64, s *craft.Segment) {
	val, _, _ := s.Options.Timestamps()
	if o.count == 0 {
		*o = asking{at: at, val: val, flags: s.Flags, data: o.data, wentOn: o.wentOn}
	}
	if o.count > 0 {
		o.hasty = o.hasty || at-o.latest < soonestRetry
		o.pause = max(o.pause, uint32(min(max(0, at-o.latest), longestRTO)/int64(time.Millisecond)))
	}
	o.latest, o.last = at, val
	if o.count < 1<<16-1 {
		o.count++
	}
}

func (o *greeting) add(at int64, s *craft.Segment) {
	if o.count == 0 {
		val, ecr, _ := s.Options.Timestamps()
		*o = greeting{at: at, val: val, ecr: ecr, flags: s.Flags, window: s.Window, ttl: s.TTL, ack: s.Ack, tally: o.tally}
	}
	if o.count < 1<<16-1 {
		o.count++
	}
}

// proves notes that a segment of an open connection was captured. One alone
// without data is none: it may be a probe.
func (b *Bystander) proves(s *craft.Segment, n Notes, other Side) {
	if b.known&(knowClientSYN|knowServerSYN) != 0 || b.pair.end(other).Confirmed() || len(s.Payload) > 0 || n.Has(NoteUncaptured) {
		b.known |= knowProven
	}
}

func (b *Bystander) fromClient(at int64, s *craft.Segment, n Notes) {
	b.proves(s, n, Server)
	b.contradictRefusal()
	if !s.Flags.Has(craft.FIN) {
		b.known |= knowClientPlain
	}
	b.halfOpen(s)
	b.heardSYNACK(s)
	server := &b.pair.Server
	if b.ackAt == 0 && !b.pair.Client.facts.has(wasReset) && s.Seq == b.pair.Client.ISS.Add(1) && s.Ack == server.ISS.Add(1) &&
		(b.known.has(knowServerISN) || b.known.has(knowServerSYN)) {
		b.ackAt = at
		b.syn.ackVal, _, _ = s.Options.Timestamps()
	}
	if s.Len() > 0 && b.known.has(knowServerSYN) && !server.Confirmed() {
		b.press(at, s)
	}
	if s.TOS&tosECN == tosCE && len(s.Payload) > 0 {
		b.rare().marked++
	}
}

// press notes data or FIN to a server that has sent no more than its SYN-ACK.
func (b *Bystander) press(at int64, s *craft.Segment) {
	if b.pressed == 0 {
		b.syn.pressed = uint32(min(max(0, at-b.ackAt)/int64(time.Microsecond), 1<<32-1))
	}
	b.pressed = min(b.pressed, 254) + 1
	if val, _, ok := s.Options.Timestamps(); ok && val != b.syn.ackVal && b.syn.pressedVal == 0 {
		b.syn.pressedVal = val
	}
}

func (b *Bystander) fromServer(at int64, s *craft.Segment, n Notes, kept Kept, before *Pair) {
	b.proves(s, n, Client)
	b.contradictsRefusal(s)
	b.crosses(at, s)
	if !s.Flags.Has(craft.FIN) {
		b.known |= knowServerPlain
	}
	b.seenTTL.add(s.TTL)
	if len(s.Payload) > 0 {
		b.serverData(at, s, kept)
	}
	b.window(at, s, before)
	if b.more != nil && b.more.marked > 0 {
		b.more.echoed = b.more.echoed || s.Flags.Has(craft.ECE)
		b.more.unmarked = b.more.unmarked || before.Client.Una.LessThan(s.Ack)
	}
}

// crosses judges a SYN of the server by the bare ACK that answers the client's
// SYN-ACK to it. Where the SYN came in less than half of that time it was on its way
// before the server had the client's, and the server's own SYN-ACK was not captured.
// Where it took about as long it answered the client's.
func (b *Bystander) crosses(at int64, s *craft.Segment) {
	m := b.more
	if m == nil || m.acceptedAt == 0 || m.met || b.answer.flags.Has(craft.ACK) {
		return
	}
	m.met = true
	if s.Len() > 0 || s.Seq != b.pair.Server.ISS.Add(1) || s.Ack != b.pair.Client.ISS.Add(1) {
		return
	}
	switch took, trip := b.answer.at-b.syn.latest, at-m.acceptedAt; {
	case took*2 < trip:
		b.known |= knowCrossed
	case took*4 >= trip*3 && took*2 <= trip*3:
		b.known |= knowSplit
	}
}

// heardSYNACK takes in that a client acknowledges the server's SYN once more, and
// nothing else, after its SYN-ACK: it has had another segment with that SYN, the
// server's SYN-ACK (RFC 9293 §3.5, figure 7). Where that wrote down what it was sent, it has had no other.
func (b *Bystander) heardSYNACK(s *craft.Segment) {
	if b.more != nil && b.more.acceptedAt > 0 && !b.known.has(knowRecorded) && !b.answer.flags.Has(craft.ACK) && b.answer.count > 0 &&
		s.Len() == 0 && s.Seq == b.pair.Client.ISS.Add(1) && s.Ack == b.pair.Server.ISS.Add(1) {
		b.known |= knowCrossed
	}
}

// keptBanner is how many bytes are kept of what a server says unasked.
const keptBanner = 96

func (b *Bystander) serverData(at int64, s *craft.Segment, kept Kept) {
	client := &b.pair.Client
	if b.known.has(knowClientSYN) && s.Ack == client.ISS.Add(1) && b.onSYNTaken() == 0 {
		b.known |= knowServerSaid
		if m := b.rare(); m.bannerLen == 0 && b.known.has(knowServerISN) && s.Seq == b.pair.Server.ISS.Add(1) {
			m.bannerLen = len(s.Payload)
			m.banner = append([]byte(nil), s.Payload[:min(kept.Payload, keptBanner)]...)
		}
	}
	if b.ackAt == 0 && b.known.has(knowClientSYN|knowServerSYN) && b.onSYNTaken() == 0 && !b.known.has(knowClientPlain) { // the SYN may have had data
		m := b.rare()
		if m.earlyAt == 0 {
			m.earlyAt = at
			m.earlyVal, _, _ = s.Options.Timestamps()
		}
		m.earlyBytes += len(s.Payload)
	}
	b.afterFIN(s)
}

// window notes windows of zero, unless the client has nothing more to send, or
// may have said so in what was not captured.
func (b *Bystander) window(at int64, s *craft.Segment, before *Pair) {
	zero := s.Window == 0
	if b.more == nil && !zero {
		return
	}
	client := &b.pair.Client
	if b.known&(knowClientSYN|knowServerSYN) == 0 || client.Finished() || s.Flags.Has(craft.FIN) || before.Server.Finished() || b.ways[Client].seen.LessThan(s.Ack) || b.known.has(knowClientReset) {
		return
	}
	z := &b.rare().zero
	switch {
	case zero:
		if z.count == 0 {
			z.first = at
		}
		z.count, z.last, z.shut = min(z.count, 254)+1, at, true
	case z.count > 0:
		z.shut, z.opened, z.room = false, true, true
	default:
		z.room = true
	}
}

// ICMP takes in an error that quotes a segment of the client.
func (b *Bystander) ICMP(at int64, e *craft.ICMPError) {
	b.begin = cmp.Or(b.begin, at)
	b.advance(at)
	reason, tooBig := probe.ICMPMeaning(e.Quote.Dst.Addr(), e.Type, e.Code)
	m := b.rare()
	switch {
	case tooBig && (m.pathMTU == 0 || e.MTU < m.pathMTU):
		m.pathMTU, m.mtuFrom = e.MTU, e.Src
		return
	case tooBig || reason == "":
		return
	}
	kept := icmpKept{from: e.Src, code: probe.ICMPCode{Type: e.Type, Code: e.Code}, ttl: e.TTL, reason: reason}
	if client := &b.pair.Client; client.Opened() && b.known.has(knowClientISN) && e.Quote.Seq == client.ISS {
		if m.icmpCount = min(m.icmpCount, 254) + 1; m.icmpCount == 1 {
			m.icmp = kept
		}
	} else if m.openCount = min(m.openCount, 254) + 1; m.openCount == 1 {
		m.onOpen = kept
	}
}
