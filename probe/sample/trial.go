package sample

import (
	"slices"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
	"synscope/probe/isn"
)

// trial is one step of the plan: a SYN, what came back, and where nothing did
// or an old connection stood in the way, another SYN. Each transmission has an
// ISN of ours of its own, so a late answer still names the one that it belongs
// to. Nothing that carries no number of ours ends a trial.
type trial struct {
	*series
	step       isn.Step
	syns       []*syn
	outcome    wire.Outcome
	settled    bool               // answered; stays a while, something better may come
	deadline   time.Duration      // of the answer
	due        time.Duration      // of a SYN that the kernel refused
	refused    int                // how often it did
	retransmit bool               // another SYN is to be sent at once
	renewed    int                // how often an old connection was reset for it
	asked      *wire.Transmission // whose bare SYN was answered by a SYN-ACK; nil: none's
}

// syn is one transmission of a trial.
type syn struct {
	*wire.Transmission
	came    time.Time      // the stamp of its answer
	when    wire.Reading   // of the clocks, when the answer was read
	delayed bool           // the answer was itself retransmitted, so its time says nothing
	answer  *craft.Segment // nil: none
	offer   isn.Offer      // of its options

	tsval uint32 // of its time stamp, where it has one

	fragment bool // of the answer only the first was read
}

// waiting tells whether a SYN waits for its turn.
func (x *trial) waiting() bool { return len(x.syns) == 0 || x.retransmit }

// goOn sends what may be sent, and ends what is over.
func (x *trial) goOn() {
	switch {
	case x.waiting():
		if x.Now >= x.wakeUp() {
			x.send()
		}
	case x.Now < x.wakeUp():
	case x.mayPersist():
		x.sendSame()
	case !x.settled && len(x.syns) < x.attempts() && !x.Stopping:
		x.syns[len(x.syns)-1].Close(&x.Responses) // before the SYN is sent anew
		x.retransmit = true
		x.goOn()
	default:
		x.end()
	}
}

// wakeUp is when there is something to do.
func (x *trial) wakeUp() time.Duration {
	if x.waiting() {
		return max(x.due, x.Pace.Due-wire.Slack)
	}
	return max(x.deadline, x.due)
}

// send hands a SYN to the network.
func (x *trial) send() {
	t := x.begin()
	tsval := x.tsBase
	if !x.step.SameISN {
		tsval += uint32(x.Now / time.Millisecond)
	}
	x.transmit(t, tsval)
}

// transmit hands a SYN with a time stamp to the network, and tells whether that took it.
func (x *trial) transmit(t *wire.Transmission, tsval uint32) (left bool) {
	packet := x.cfg.syn(t.Src, t.Dst, t.Numbers.Seq, x.offer(), tsval)
	b, err := packet.AppendTo(nil)
	if err != nil {
		x.stop(x.res.State, probe.ReasonSendFailed, err)
		return false
	}
	x.RespondBefore(t) // what is closed must be closed before
	x.Table.Add(t)
	x.Reading = x.Clocks.Read()
	t.Tx.Sent, t.Handed = x.Now, x.Reading
	if _, err := wire.SendOn(x.Network, [][]byte{b}, []int{t.Link}); err != nil {
		t.Ended = true
		x.kept.Push(t)
		x.refuse(err)
		return false
	}
	x.departed(t, tsval)
	return true
}

// offer is what the next SYN offers: nothing where a router found it too large.
func (x *trial) offer() isn.Offer {
	if x.small {
		return isn.Offer{}
	}
	return x.step.Offer
}

// begin chooses the numbers of a transmission.
func (x *trial) begin() *wire.Transmission {
	t := &wire.Transmission{Src: x.source(x.step), Dst: onWire(x.res.Target), Link: x.link, Numbers: wire.Numbers{Seq: x.random(), Ack: x.random()}}
	if x.step.SameISN {
		t.Numbers.Seq = x.ladder
	}
	return t
}

// departed starts the clock of a SYN that left.
func (x *trial) departed(t *wire.Transmission, tsval uint32) {
	x.Pace.Due = max(x.Pace.Due, x.Now)
	x.Pace.Spend(1)
	x.outage.End()
	x.Counters.Departed(len(x.syns), x.Now)
	x.kept.Push(t)
	x.syns = append(x.syns, &syn{Transmission: t, offer: x.offer(), tsval: tsval})
	x.retransmit, x.refused = false, 0
	x.deadline = x.Now + x.wait(t)
}

// wait is how long the answer to a SYN is waited for.
func (x *trial) wait(t *wire.Transmission) time.Duration {
	if t.First == nil && x.foresees() {
		return x.persistence.After()
	}
	return x.timeout()
}

// refuse lets a SYN that the kernel did not take wait for another try, or ends
// the sampling of its target.
func (x *trial) refuse(err error) {
	x.outage.Note(err, x.Now)
	if x.outage.Certain(x.Now) {
		x.Fail(x.outage.Error())
		return
	}
	wait, again := wire.Backoff(err, x.refused)
	if again {
		x.refused++
		x.due = x.Now + wait
		return
	}
	x.Counters.Refusal = err
	v := wire.Unsendable(x.res.Target, err)
	x.note(v.Findings)
	x.stop(v.State, v.Reason, err)
}

// note keeps the findings of a verdict.
func (s *series) note(list []probe.Finding) {
	for _, f := range list {
		if _, known := s.findings[f.Code]; !known {
			s.findings[f.Code] = f
			s.res.noticed = append(s.res.noticed, f)
		}
	}
}

// find is the transmission of a trial that an answer concerns, nil if it is
// another's.
func (x *trial) find(t *wire.Transmission) *syn {
	i := slices.IndexFunc(x.syns, func(s *syn) bool { return s.Transmission == t })
	if i < 0 {
		return nil
	}
	return x.syns[i]
}

// take weighs an answer to a transmission of the trial, and does what it calls
// for.
func (x *trial) take(s *syn, ev *wire.Event) (reject string) {
	do, reject := x.outcome.Take(x.Matcher.Tech, x.res.Target, ev)
	if reject != "" {
		return reject
	}
	if response, ok := do.Response(ev, s.Numbers); ok {
		x.Responses.Insist(response) // at most one a transmission and kind
		if ev.Kind == wire.KindSYN {
			x.asked = s.Transmission
		}
	}
	switch do {
	case wire.ActFinish:
		x.answeredBy(s, ev)
	case wire.ActSettle:
		if ev.Kind == wire.KindReset {
			x.told(s, ev)
		}
		x.settled, x.deadline = true, x.Now+x.outcome.Grace(s.Src.Addr(), 0, x.Now-s.Tx.Sent, x.cfg.Timeout)
	case wire.ActRenew:
		x.renew()
	case wire.ActShrink:
		x.small, x.retransmit = true, !x.Stopping
	}
	return ""
}

// renew sends the SYN anew, now that an old connection was reset.
func (x *trial) renew() {
	x.renewed++
	x.retransmit = !x.Stopping
}

// mostRenewals is how often a connection of an earlier SYN of ours may stand in
// the way of one step.
const mostRenewals = 3

// standsInTheWay takes the challenge of a half-open connection that an earlier
// SYN of ours has left, by its number: it is reset each time, whoever else sends
// challenges.
func (x *trial) standsInTheWay(ev *wire.Event) (reject string) {
	if x.settled || x.waiting() || x.renewed >= mostRenewals {
		return wire.RejectDuplicate
	}
	x.Responses.Insist(wire.CloseAfter(ev))
	x.res.Stale++
	x.renew()
	return ""
}

// answeredBy takes the number that answers a SYN, and ends the trial. After a
// split handshake that is the one before what the ACK has (RFC 9293 §3.5).
func (x *trial) answeredBy(s *syn, ev *wire.Event) {
	in := ev.Seg
	in.Options = slices.Clone(ev.Seg.Options)
	if ev.Kind == wire.KindACK {
		in.Seq = in.Seq.Add(^uint32(0))
	}
	s.came, s.when, s.answer, s.Answered = ev.At, x.Reading, &in, true
	s.fragment = ev.Fragment
	x.res.relabelled = x.res.relabelled || ev.Relabelled()
	if s.came.IsZero() {
		s.came, x.res.Clock = x.Reading.Wall, netraw.ClockUser
	}
	told := x.told(s, ev)
	took := s.Took(ev, x.Reading)
	x.longest = max(x.longest, took) // the next may take as long, whyever
	s.delayed = ev.Kind == wire.KindACK || !told || x.trips.Doubts(took)
	x.end()
}

// close queues the RSTs for what the far end may hold half open: an answer has
// got its own already. Responses are sent before the next SYN.
func (x *trial) close() {
	for _, s := range x.syns {
		if s.answer == nil {
			s.Close(&x.Responses)
		}
		s.Ended = true
	}
	x.syns = nil
}

// end makes samples of the transmissions, and lets the next step follow.
func (x *trial) end() {
	v := x.outcome.Verdict(x.Matcher.Tech, x.res.Target)
	x.note(v.Findings)
	answered, lost := false, 0
	for _, s := range x.syns {
		sample := x.sample(s)
		answered = answered || s.answer != nil
		if s.answer == nil {
			lost++
			if s.First != nil {
				x.persistence.Missed()
			}
		} else {
			rtt, _ := sample.RTT()
			x.learn(s.Transmission, s.answer, rtt, v.Reason)
		}
		x.keep(sample)
	}
	refused := !answered && x.outcome.Rank == wire.RankReset
	if !refused {
		x.close()
	}
	switch {
	case refused:
		if !x.res.finished {
			x.res.Carried++
		}
		x.stop(v.State, v.Reason, nil)
	case !answered:
		x.lost(&x.outcome, lost)
		fallthrough
	default:
		x.next()
	}
}

// keep hands one sample out.
func (s *series) keep(sample isn.Sample) {
	s.res.Samples = append(s.res.Samples, sample)
	if err := s.sink.Sample(s.res.Target, sample); err != nil {
		s.Fail(err)
	}
}

// sample is a transmission and its answer. One that was not answered is kept as
// lost, also after a challenge: a copy of it that came later may have drawn a
// number that nobody saw.
func (x *trial) sample(s *syn) isn.Sample {
	sample := isn.Sample{Series: x.step.Series, Src: s.Src.Addr(), SrcPort: isn.Some(s.Src.Port()),
		ClientISN: isn.Some(s.Numbers.Seq), Offer: isn.Some(s.offer)}
	x.times(s, &sample)
	if s.answer != nil {
		fill(&sample, s.answer, s.fragment)
	}
	return sample
}

// times enters the stamps, unless the wall clock was set between them.
func (x *trial) times(s *syn, sample *isn.Sample) {
	read := x.Reading
	if s.answer != nil {
		read = s.when
	}
	if s.Handed.Stepped(read) {
		x.res.Stepped++
		return
	}
	left := time.Unix(0, s.Tx.Left)
	if s.Tx.Left == 0 {
		left = s.Handed.Wall
		x.res.Clock = worse(x.res.Clock, netraw.ClockKernelRx)
	}
	sample.Sent = isn.Some(x.clock.stamp(left, s.Handed))
	if s.answer != nil && !s.delayed {
		sample.Received = isn.Some(x.clock.stamp(s.came, s.when))
	}
}

// worse is the less exact of two clocks.
func worse(a, b netraw.Clock) netraw.Clock {
	if a == netraw.ClockUser {
		return a
	}
	return b
}
