package ping

import (
	"net/netip"
	"slices"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// retries is how often a probe is repeated because an old connection of the far
// end stood in its way, or because it was too large for a router.
const retries = 2

// retention is for how many timeouts a transmission is remembered: an answer
// that comes after its time is then counted as what it is.
const retention = 3

// noteDeparture takes the stamp of a probe that left.
func (p *pinger) noteDeparture(s *wire.Transmission, ev *wire.Event) {
	if ev.Kind == wire.KindDeviceDeparture {
		p.left(s, ev.Device)
		return
	}
	s.Left(ev, p.Reading)
	p.watches = true
	if s.Outcome.Rank == wire.RankSilence {
		s.Until = s.Tx.Sent + p.cfg.Timeout
	}
	p.warm[p.targets[s.Index].nextHop()] = true
}

// acceptAnswer applies an answer to its transmission, or says why it is rejected.
func (p *pinger) acceptAnswer(ev *wire.Event) (reject string) {
	switch s := p.concerned(ev); {
	case s == nil:
		return wire.RejectUnsolicited
	case s.First != nil:
		return p.acceptSame(s, ev)
	default:
		return p.acceptOwn(s, ev)
	}
}

// acceptOwn applies an answer to the transmission that it is to.
func (p *pinger) acceptOwn(s *wire.Transmission, ev *wire.Event) (reject string) {
	p.targets[s.Index].ownAnswer(s, ev)
	tooLate, settled := s.Took(ev, p.Reading) > p.cfg.Timeout, s.Outcome.Rank > wire.RankUnverified
	if s.Ended || tooLate && !settled {
		return p.takeLate(s, ev, tooLate)
	}
	do, reject := p.Weigh(s, ev)
	if reject == "" {
		p.act(do, s, ev)
	}
	return reject
}

// takeLate takes an answer to a probe that has ended, or whose time is over: it is
// rejected, but where the port itself says more than all that came before, or an ICMP error
// says why nothing came, that is what the port is.
func (p *pinger) takeLate(s *wire.Transmission, ev *wire.Event, tooLate bool) (reject string) {
	reject = wire.RejectDuplicate
	if tooLate {
		reject = wire.RejectAfterVerdict
	}
	if s.Renewed { // the probe went on in another transmission, which tells what came of it
		return reject
	}
	before := s.Outcome.Verdict(p.Matcher.Tech, s.Dst)
	if !s.Outcome.TakeLate(p.Matcher.Tech, s.Dst, ev) && !s.Outcome.TakeLateError(p.Matcher.Tech, s.Dst, ev) {
		return reject
	}
	late := p.sample(s)
	late.seen(s.Outcome.Best, ev)
	late.Doubt = probe.DoubtLate
	late.Findings = wire.Noting(late.Findings, p.targets[s.Index].persistence.Findings()...)
	p.targets[s.Index].heard = p.targets[s.Index].heard || !s.Outcome.Doubtful()
	switch {
	case s.WarmUp: // no probe of the series
		return reject
	case !s.Ended:
		p.samples[s.ID] = late
		return reject
	}
	if p.Counters.States[before.State]--; p.Counters.States[before.State] == 0 {
		delete(p.Counters.States, before.State)
	}
	p.Counters.States[late.State]++
	late.Supersedes = before.State
	if p.cfg.Late != nil {
		p.cfg.Late(*late)
	}
	return wire.RejectAfterVerdict
}

// concerned is the transmission that an answer is about, nil if none. An ACK
// that names another than the newest of its flow is about that: its SYN met what
// the older one had opened.
func (p *pinger) concerned(ev *wire.Event) *wire.Transmission {
	if !ev.Kind.Verified() {
		return p.Table.Concerned(ev)
	}
	s := p.Table.At(ev.Attempt)
	if ev.Kind == wire.KindACK && s != nil && !s.Outcome.Asked() {
		return p.Table.Concerned(ev)
	}
	return s
}

// act does what an answer calls for.
func (p *pinger) act(do wire.Action, s *wire.Transmission, ev *wire.Event) {
	switch do {
	case wire.ActFinish:
		p.note(s, ev)
		p.finish(s)
	case wire.ActSettle:
		p.note(s, ev)
		s.Until = p.Now + s.Outcome.Grace(s.Src.Addr(), p.cfg.TTL, s.Took(ev, p.Reading), p.cfg.Timeout)
		p.air.push(s.Until, s)
	case wire.ActAsk, wire.ActHold:
		p.note(s, ev)
	case wire.ActRenew, wire.ActShrink:
		p.targets[s.Index].small = p.targets[s.Index].small || do == wire.ActShrink
		p.repeat(s)
	}
}

// note makes the sample of the best answer so far.
func (p *pinger) note(s *wire.Transmission, ev *wire.Event) {
	if s.Outcome.Best == nil {
		return
	}
	t := p.targets[s.Index]
	sample := p.sample(s)
	sample.seen(s.Outcome.Best, ev)
	p.samples[s.ID] = sample
	if s.First != nil {
		sample.Repeats = 1
		sample.Findings = wire.Noting(sample.Findings, t.persistence.Findings()...)
	}
	if !ev.Kind.Verified() || ev.Kind == wire.KindAskedReset { // nobody knows what became of the SYN
		return
	}
	s.Answered, t.heard = true, true
	p.measure(sample, t, s, ev)
	p.warm[t.nextHop()] = true
	if p.byDevice(s, t, ev) {
		p.arrived(s, ev.Device)
	}
}

// measure puts the time of an answer into its sample. Our own kernel's verdict on
// a neighbour that does not answer, and the answer to a question of ours, have none.
func (p *pinger) measure(sample *Sample, t *pinged, s *wire.Transmission, ev *wire.Event) {
	if ev.Sender == s.Src.Addr() || ev.Indirect() {
		return
	}
	sample.RTT, sample.Clock = s.Tx.Elapsed(ev.At, s.Handed.Wall, p.Now)
	sample.Doubt = p.doubt(s, t, sample.Clock)
	if _, sure := s.Answers(ev); !sure {
		sample.Doubt = probe.DoubtRetransmitted
	} else if p.mayBeRepeated(s, ev) {
		sample.Doubt = probe.DoubtRepeated
	}
	switch sample.Doubt {
	case probe.DoubtClockStep, probe.DoubtRepeated, probe.DoubtRetransmitted:
		sample.RTT, sample.Clock = 0, netraw.ClockNone
	}
}

// mayBeRepeated tells whether an answer may be a SYN-ACK that the far end retransmitted. RSTs are not.
func (p *pinger) mayBeRepeated(s *wire.Transmission, ev *wire.Event) bool {
	took, trips := s.Took(ev, p.Reading), p.tripsTo(s.Dst.Addr())
	if ev.Kind == wire.KindReset {
		trips.Takes(took)
	}
	return ev.Kind == wire.KindSYNACK && trips.Doubts(took)
}

// tripsTo is what is known of the round trips to an address.
func (p *pinger) tripsTo(a netip.Addr) *wire.Trips {
	trips := p.trips[a]
	if trips == nil {
		trips = &wire.Trips{}
		p.trips[a] = trips
	}
	return trips
}

// seen takes over the verdict on an answer.
func (s *Sample) seen(v *probe.Verdict, ev *wire.Event) {
	s.State, s.Reason, s.Responder, s.ICMP, s.Findings = v.State, v.Reason, v.Responder, v.ICMP, v.Findings
	s.TTL = ev.Seg.TTL
	if v.Reason == probe.ReasonSYNACK {
		s.ISN = ev.Seg.Seq
	}
}

// doubt says whether something but the way there and back is in the time.
func (p *pinger) doubt(s *wire.Transmission, t *pinged, clock netraw.Clock) probe.Doubt {
	switch {
	case s.Handed.Stepped(p.Reading):
		return probe.DoubtClockStep
	case clock == netraw.ClockKernel && time.Unix(0, s.Tx.Left).Sub(s.Back) > wire.HeldBack,
		clock != netraw.ClockKernel && !p.warm[t.nextHop()] && !t.route.Local:
		return probe.DoubtCold
	}
	return probe.DoubtNone
}

// sample is what is known of a probe without an answer.
func (p *pinger) sample(s *wire.Transmission) *Sample {
	sample := &Sample{Index: s.Index, Target: s.Dst, N: s.N, Attempt: s.Attempt, Due: s.Due}
	if !s.Handed.Wall.IsZero() {
		sample.Sent, sample.SourcePort = s.Handed.Wall, s.Src.Port()
	}
	if s.Tx.Left != 0 {
		sample.Sent = time.Unix(0, s.Tx.Left)
	}
	return sample
}

// finish ends a transmission with its answer, once the stamps of the device are
// there where those are used.
func (p *pinger) finish(s *wire.Transmission) {
	s.Ended = true
	if d := p.devices[s.ID]; d != nil && !d.arrived.IsZero() {
		p.awaitDevice(d, p.samples[s.ID])
		return
	}
	p.end(s, p.samples[s.ID])
}

// end reports a transmission.
func (p *pinger) end(s *wire.Transmission, sample *Sample) {
	s.Ended = true
	delete(p.samples, s.ID)
	if !s.WarmUp {
		sample.Findings = s.Outcome.Annotate(probe.Verdict{Reason: sample.Reason, Findings: slices.Concat(sample.Findings, s.Noted)}).Findings
		p.deliver(sample)
	}
}

// repeat sends a probe again from another port (RFC 9293 §3.10.7.4, RFC 5961
// §4.2); after that was done for it, it waits on.
func (p *pinger) repeat(s *wire.Transmission) {
	if s.WarmUp || s.Attempt > retries || p.Stopping {
		return
	}
	s.Ended, s.Renewed = true, true
	t := p.targets[s.Index]
	p.transmit(t, s.Retransmission(), p.choosePort(t, s.Src.Port()))
	p.flush()
}

// expire ends the transmissions whose time is over, and forgets those that ended
// long ago. What has arrived by now is taken in first, however late this process
// runs.
func (p *pinger) expire(r *wire.Receiver) {
	now := p.Now
	same, waits := p.unheard.next()
	if p.flying() && p.air.list[0].at <= now || waits && same <= now {
		p.CatchUp(r)
	}
	p.sendSame()
	for s := p.air.expired(now); s != nil; s = p.air.expired(now) {
		if p.endSame(s) {
			continue
		}
		if p.samples[s.ID] == nil {
			p.samples[s.ID] = p.silence(s)
		}
		if !s.Answered && !s.WarmUp {
			t := p.targets[s.Index]
			p.lingers.silent(t, max(now+min(p.cfg.Timeout, probe.DefaultTimeout), p.unresolvedBy(t, s)))
			t.known = t.known && now-t.asked < silentAge
		}
		p.closeSilent(s)
		p.finish(s)
	}
	for d := p.late.waiting(); d != nil && p.Now >= d.until; d = p.late.waiting() {
		p.settle(d)
	}
	for len(p.kept.List) > 0 && now-p.kept.List[0].Tx.Sent > retention*p.cfg.Timeout {
		p.forget(p.kept.List[0])
		p.kept.Pop()
	}
}

// closeSilent sends the exact RST that is for a SYN-ACK which was lost on its way
// back: the far end would repeat it for a minute. A probe that waits in this
// machine, since its neighbour does not answer, needs none, nor does the warm-up probe
// of a target that answers nothing.
func (p *pinger) closeSilent(s *wire.Transmission) {
	t := p.targets[s.Index]
	waits, silent := p.watches && s.Tx.Left == 0, s.WarmUp && !t.heard
	persists := s.First == nil && s.Tx.Sent+t.persistence.After() > p.Now && p.mayPersist(t, s)
	if !s.Answered && !waits && !silent && !persists {
		s.Close(&p.Responses)
	}
}

// silence is the sample of a probe that nothing answered.
func (p *pinger) silence(s *wire.Transmission) *Sample {
	sample := p.sample(s)
	sample.State, sample.Reason = p.Matcher.Tech.Silence, probe.ReasonNoResponse
	return sample
}

// forget drops a transmission and those before it.
func (p *pinger) forget(s *wire.Transmission) {
	p.Table.Forget(s)
	delete(p.samples, s.ID)
	delete(p.devices, s.ID)
	delete(p.stoodIn, s)
}
