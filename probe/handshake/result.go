package handshake

import (
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
)

// Close is how a connection ended.
type Close string

// The ways a connection ends. The zero value is that of one that was never
// opened.
const (
	CloseFourWay    Close = "four-way"    // FIN, ACK, FIN, ACK
	CloseThreeWay   Close = "three-way"   // FIN, FIN-ACK, ACK
	CloseHalfClosed Close = "half-closed" // one FIN, acknowledged, and no other
	CloseByReset    Close = "reset"
	CloseNever      Close = "none"    // still open when we stopped looking
	CloseTimeout    Close = "timeout" // a FIN that nobody acknowledged
)

// Negotiated is what the two SYNs negotiated. Absent options are zero.
type Negotiated struct {
	MSS    uint16 // the peer's
	Shift  uint8  // the peer's window scale
	Scaled bool   // both offered window scaling
	SACK   bool
	Stamps bool
	ECN    ECN
	TFO    bool   // a cookie was given, or data on the SYN was taken
	Cookie []byte // the one that was given
	MPTCP  bool
	// Partial says that a capture does not have both SYNs with all their options, or
	// that of the SYN-ACK only the first fragment was read: but for MSS, what is absent
	// here is unknown.
	Partial bool
}

// ECN is what was negotiated on explicit congestion notification.
type ECN string

// The words for ECN. The zero value: not asked.
const (
	ECNRefused  ECN = "refused"
	ECNClassic  ECN = "ecn"    // RFC 3168
	ECNAccurate ECN = "accecn" // RFC 9768
)

// Result is what one connection attempt came to.
type Result struct {
	Source, Target netip.AddrPort
	State          probe.State
	Reason         probe.Reason
	Attempts       int // SYNs

	// RTT is from SYN to SYN-ACK as the client saw them, or to the refusal;
	// zero where it was not measured, or would not say which SYN was
	// answered. ServerRTT is from SYN-ACK to ACK, a round trip where the tap
	// was at the server.
	RTT       time.Duration
	Clock     netraw.Clock
	ServerRTT time.Duration

	Reply      *craft.Segment // that decided State; nil where none did
	Responder  netip.Addr     // valid where not the target answered
	ICMP       *probe.ICMPCode
	Negotiated Negotiated

	Close Close
	// First says who sent the first FIN, where there was one.
	First Side

	SYNACKRetransmits int
	SYNACKSchedule    []time.Duration // after the first, the first 16 of them
	SYNACKReset       bool            // an RST ended the half-open connection
	FINRetransmits    int             // of the server's FIN
	FINSchedule       []time.Duration
	Retransmits       [2]int // segments of each Side that were retransmitted, SYNs and FINs too

	Sent, Acked, Received uint64 // bytes: of our data, of it acknowledged, of the peer's
	Data                  []byte // the peer's first bytes

	Begin    time.Time     // of the first segment
	Took     time.Duration // to the last one
	Findings []probe.Finding

	// Traffic counts packets, for a live run only.
	Traffic probe.Summary
}

// RoundTrip is RTT, and whether one was measured.
func (r *Result) RoundTrip() (rtt time.Duration, ok bool) { return r.RTT, r.RTT > 0 }

// Result is what the connection has come to so far. Clock is left to whoever
// knows who took the stamps.
func (f *Follower) Result() Result {
	v := &f.seen
	r := Result{
		Source: f.client, Target: f.server, Attempts: v.syn.count,
		SYNACKRetransmits: max(0, v.synack.count-1), SYNACKSchedule: v.synack.schedule,
		FINRetransmits: v.fin.repeats, FINSchedule: v.fin.schedule,
		Retransmits: v.retries,
		Sent:        v.data.sent, Received: v.data.got, Data: v.data.bytes,
		Begin: v.begin, Took: v.last.Sub(v.begin),
		First: v.fin.first,
	}
	r.Acked = f.acked()
	f.judge(&r)
	f.measure(&r)
	if v.synack.seen() {
		r.Negotiated = f.negotiated()
		r.Close = f.closed()
		r.SYNACKReset = v.reset() != nil && v.reset().state != SYNSent && v.ack.IsZero()
	}
	r.Findings = f.findings(&r)
	return r
}

// acked is how many of the client's bytes the server has acknowledged: what
// lies between SYN and FIN.
func (f *Follower) acked() uint64 {
	c := &f.Client
	n := int64(c.Una.Sub(c.ISS)) - 1
	if c.facts.has(finAcked) {
		n--
	}
	return uint64(max(0, n))
}

// judge is SEMANTICS §1 for a SYN: an acknowledgement of our ISN beats a
// reset, that beats an ICMP error, and that beats silence.
func (f *Follower) judge(r *Result) {
	v := &f.seen
	reset := v.reset()
	switch {
	case v.synack.seen():
		r.State, r.Reason, r.Reply = probe.StateOpen, probe.ReasonSYNACK, v.synack.reply()
		if !v.synack.segment.Flags.Has(craft.ACK) {
			r.Reason = probe.ReasonSplitHandshake
		}
	case reset != nil:
		r.State, r.Reason, r.Reply = probe.StateRefused, probe.ReasonReset, reset.reply()
	case v.icmpCount > 0:
		r.State, r.Reason = probe.StateFiltered, v.icmpError.reason
		r.ICMP = &v.icmpError.code
		if v.icmpError.from != f.server.Addr().WithZone("") {
			r.Responder = v.icmpError.from
		}
	case v.resetCount > 0:
		r.State, r.Reason, r.Reply = probe.StateRefused, probe.ReasonUnverifiedReset, v.resets[0].reply()
	default:
		r.State, r.Reason = probe.StateFiltered, probe.ReasonNoResponse
	}
}

// measure finds the round trips. Where the SYN was retransmitted, only a
// timestamp option tells which one was answered (RFC 7323 §4.1).
func (f *Follower) measure(r *Result) {
	v := &f.seen
	reset := v.reset()
	switch {
	case v.synack.seen():
		r.RTT = v.answerTime(&v.synack.segment, v.synack.at)
	case reset != nil && v.syn.count == 1:
		r.RTT = reset.at.Sub(v.syn.at)
	}
	if v.synack.count == 1 && !v.ack.IsZero() {
		r.ServerRTT = v.ack.Sub(v.synack.at)
	}
}

func (v *evidence) answerTime(s *craft.Segment, at time.Time) time.Duration {
	if v.syn.count == 1 {
		return at.Sub(v.syn.at)
	}
	_, ecr, ok := s.Options.Timestamps()
	var sent time.Time
	for _, stamp := range v.stamps[:min(v.syn.count, maxSYNs)] {
		if ok && stamp.val == ecr {
			if !sent.IsZero() {
				return 0
			}
			sent = stamp.at
		}
	}
	if sent.IsZero() {
		return 0
	}
	return at.Sub(sent)
}

func (f *Follower) negotiated() Negotiated {
	c, s := &f.Client, &f.Server
	if f.seen.synack.fragment {
		s = &End{}
	}
	n := Negotiated{
		MSS: s.MSS, Scaled: c.Scaled && s.Scaled,
		SACK: c.SACK && s.SACK, Stamps: c.Stamped && s.Stamped,
		ECN:   negotiatedECN(f.seen.syn.segment.Flags, f.seen.synack.segment.Flags),
		TFO:   f.seen.cookieGiven() || f.seen.earlyTaken() > 0,
		MPTCP: f.seen.multipath(), Partial: f.seen.synack.fragment,
	}
	if cookie, ok := f.seen.synack.segment.Options.FastOpen(); ok && len(cookie) > 0 {
		n.Cookie = cookie
	}
	if n.Scaled {
		n.Shift = s.Shift
	}
	return n
}

// closed names how the connection has ended so far.
func (f *Follower) closed() Close {
	c, s := f.Client.facts, f.Server.facts
	both := c.has(finSent|finAcked) && s.has(finSent|finAcked)
	reset := f.seen.reset()
	switch {
	case f.seen.after.asked:
		return f.seen.after.close
	case both:
		return f.seen.fin.complete()
	case reset != nil && reset.state != SYNSent, f.seen.clientRST && !f.seen.fin.begun && f.context.Ending == EndRST:
		return CloseByReset
	case !c.has(finSent) && !s.has(finSent):
		return CloseNever
	case c.has(finSent|finAcked) && !s.has(finSent), s.has(finSent|finAcked) && !c.has(finSent):
		return CloseHalfClosed
	}
	return CloseTimeout
}
