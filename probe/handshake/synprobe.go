package handshake

import (
	"fmt"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// synProbe judges what comes back to the SYN, by the rules of every engine:
// nothing counts that carries no number of ours, and nothing that arrived before
// the SYN had left. What proves nothing is asked about; neither the session nor
// the follower believes it.
type synProbe struct {
	matcher wire.Matcher
	numbers wire.Numbers
	outcome wire.Outcome
	target  netip.AddrPort
	timeout time.Duration
	handed  wire.Reading  // of the clocks, before the first SYN
	since   time.Duration // the same since the start of the run
	syns    int           // that have left
	cleared int           // how many of them an old connection was reset for
	closed  int           // and how many what was accepted from another address
	split   *arrival      // the bare SYN that was asked about
	asked   time.Time     // when
	strange int           // rejected segments that were shown

	past     *oldNumbers // of an old connection that the RST has not ended, nil if none
	succeeds bool        // this SYN's numbers follow those
}

func newSYNProbe(p *Plan, cfg *Config) synProbe {
	o := synProbe{target: cfg.Target, timeout: p.Timeout, numbers: wire.Numbers{Seq: p.SYN.Seq, Ack: p.Question}}
	sole := &soleSYN{src: p.SYN.Src, dst: p.SYN.Dst, numbers: o.numbers}
	if p.DataOn == OnSYN {
		sole.data = uint32(min(len(p.Data), p.MSS))
	}
	o.matcher = wire.Matcher{Tech: probe.FreeFlags(craft.SYN), Ports: []uint16{p.SYN.Src.Port()}, Recall: sole}
	return o
}

// soleSYN finds the one SYN of a connection: its retransmissions have the same
// numbers. Data on it may have been taken or not.
type soleSYN struct {
	src, dst netip.AddrPort
	numbers  wire.Numbers
	data     uint32
}

func (s *soleSYN) Attempt(src, dst netip.AddrPort, right func(wire.Numbers) bool) (int, bool) {
	if src != s.src || dst != s.dst {
		return 0, false
	}
	taken := s.numbers
	taken.Seq = taken.Seq.Add(s.data)
	return 0, right(s.numbers) || s.data > 0 && right(taken)
}

func (s *soleSYN) Quoted(q *craft.Quote) (int, bool) {
	return 0, q.Src == s.src && q.Dst == s.dst && q.Seq == s.numbers.Seq
}

// left notes that a SYN is handed over.
func (o *synProbe) left(r wire.Reading, since time.Duration) {
	if o.syns++; o.syns == 1 {
		o.handed, o.since = r, since
	}
}

// early tells whether a packet had arrived before the SYN left, and so answers
// something else.
func (r *runner) early(a *arrival) bool {
	o := &r.opening
	return o.syns == 0 || !a.at.IsZero() && a.at.Before(o.handed.Wall) && !o.handed.Stepped(r.clocks.Read())
}

// opens takes in a packet while the SYN waits for its answer.
func (r *runner) opens(a *arrival) {
	o := &r.opening
	in := netraw.Packet{Time: a.at, IfIndex: a.ifIndex}
	var ev wire.Event
	reject := o.matcher.Match(&in, &a.packet, &ev)
	if reject != "" {
		if wire.Strange(&a.packet.Segment, reject) {
			o.outcome.NoteStray(wire.OtherNumber(&a.packet.Segment, o.numbers.Seq))
		}
		r.strange(a, reject)
		r.disown(a, reject)
		return
	}
	do, reject := o.outcome.Take(o.matcher.Tech, o.target, &ev)
	if ev.Kind == wire.KindChallenge && o.cleared < o.syns {
		o.outlives(&a.packet.Segment)
		o.cleared = o.syns
		r.matched(a)
		r.showIn(a)
		r.step(Event{Kind: Renew, Segment: &a.packet.Segment, Retry: do == wire.ActRenew})
		return
	}
	if reject != "" {
		r.strange(a, reject)
		return
	}
	r.matched(a)
	r.open(do, a, &ev)
}

// disown resets what a SYN-ACK to another SYN shows to be half open, as RFC 9293
// §3.10.7.3 asks of an unacceptable ACK in SYN-SENT (§3.5.1, figure 9), once a SYN of
// ours, whoever sent it. Firewalls that let nobody in who has not sent that RST wait
// for it, and take the retransmission of the SYN.
func (r *runner) disown(a *arrival, reject string) {
	const synAck = craft.SYN | craft.ACK
	o, s := &r.opening, &a.packet.Segment
	if reject == wire.RejectBadAck && s.Flags&(synAck|craft.RST) == synAck && s.Src == o.target && o.cleared < o.syns {
		o.cleared = o.syns
		r.step(Event{Kind: Renew, Segment: s})
	}
}

// closeElsewhere sends the RST that closes what somebody with another address accepted, once a SYN of ours.
func (r *runner) closeElsewhere(rst *craft.Segment) {
	if o := &r.opening; rst != nil && o.closed < o.syns {
		o.closed = o.syns
		r.post(departure{segment: *rst, elsewhere: true})
	}
}

// open does what an answer calls for.
func (r *runner) open(do wire.Action, a *arrival, ev *wire.Event) {
	o, s := &r.opening, &a.packet.Segment
	switch ev.Kind {
	case wire.KindICMP, wire.KindPathMTU:
		r.showICMP(a)
	case wire.KindAskedReset: // the follower could not tell that it answers the question
		r.aside(r.stamp(a), Server, s)
	case wire.KindReset, wire.KindUnverifiedReset, wire.KindSYNACK:
		r.showIn(a)
	}
	switch {
	case do == wire.ActFinish && ev.Kind == wire.KindACK:
		r.splitOpen(a)
	case do == wire.ActFinish:
		r.stepped = o.handed.Stepped(r.clocks.Read())
		r.stepAt(Event{Kind: Arrive, Segment: s}, r.when(a))
	case do == wire.ActShrink:
		r.step(Event{Kind: TooBig, MTU: int(a.packet.ICMP.MTU)})
	case do == wire.ActSettle:
		r.stepped = o.handed.Stepped(r.clocks.Read())
		r.step(Event{Kind: Refuse, After: r.grace(r.when(a))})
	case do == wire.ActAsk:
		r.question(a, s)
	}
}

// grace is how long a refusal that came then waits for something better.
func (r *runner) grace(at time.Duration) time.Duration {
	o := &r.opening
	return o.outcome.Grace(r.plan.SYN.Src.Addr(), r.cfg.TTL, at-o.since, o.timeout)
}

// question asks whoever sent a segment without a number of ours.
func (r *runner) question(a *arrival, s *craft.Segment) {
	if s.Flags.Has(craft.SYN) {
		held := *a
		r.opening.split = &held
		r.aside(r.stamp(a), Server, s)
	}
	r.step(Event{Kind: Question, Segment: s, Number: r.opening.numbers.Ack})
}

// splitOpen takes the ACK of our SYN-ACK, which proves whoever sent the bare SYN:
// now the session and the follower hear of that SYN too. An ACK that is not of
// that SYN proves that the port is open, and the SYN to be somebody else's.
func (r *runner) splitOpen(a *arrival) {
	o, s := &r.opening, &a.packet.Segment
	syn := &o.split.packet.Segment
	if s.Seq != syn.Seq.Add(syn.Len()) {
		r.aside(r.stamp(a), Server, s)
		r.step(Event{Kind: Cancel})
		return
	}
	r.follower.Segment(o.split.at, syn)
	r.outbox.replay = true
	r.step(Event{Kind: Arrive, Segment: syn})
	r.outbox.replay = false
	r.showIn(a)
	r.stepAt(Event{Kind: Arrive, Segment: s}, r.when(a))
}

// mostStrange bounds how many rejected segments are shown: more of them
// say nothing new.
const mostStrange = 16

// strange rejects a segment, and shows the first of them.
func (r *runner) strange(a *arrival, reject string) {
	r.traffic.reject(reject)
	if a.packet.Kind != craft.PacketTCP || r.opening.strange >= mostStrange {
		return
	}
	r.opening.strange++
	s := &a.packet.Segment
	const kind = craft.SYN | craft.ACK | craft.RST | craft.FIN
	if opened := r.follower.Server.Opened(); opened || s.Flags.Has(craft.RST) || s.Flags&kind == craft.ACK || s.Flags&kind == craft.SYN|craft.ACK {
		r.showIn(a)
		return
	}
	r.aside(r.stamp(a), Server, s)
}

// judge enters the verdict of the opening into what the follower saw.
func (o *synProbe) judge(res *Result) {
	v := o.outcome.Verdict(o.matcher.Tech, o.target)
	if res.State != probe.StateOpen || !o.outcome.Open() {
		res.State, res.Reply, res.ICMP, res.Responder = v.State, v.Reply, v.ICMP, v.Responder
	}
	res.Reason = v.Reason
	for _, f := range v.Findings {
		if f.Code == "split-handshake" && o.split != nil {
			f.Evidence = fmt.Sprintf("SYN without ACK, seq %d", uint32(o.split.packet.Segment.Seq))
		}
		res.Findings = wire.Noting(res.Findings, f)
	}
}
