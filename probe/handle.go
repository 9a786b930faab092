package probe

import (
	"time"

	"synscope/netraw"
)

// handle takes in one packet: counts it, finds its probe, and lets the answer
// take effect.
func (e *engine) handle(ev *event) {
	switch {
	case ev.kind == answerDeparture:
		e.seenLeaving(ev)
		return
	case ev.own:
		return
	}
	countPacket(&e.counters.Summary, ev, e.accept)
}

// seenLeaving notes the kernel's stamp of a transmission.
func (e *engine) seenLeaving(ev *event) {
	if _, f := e.find(ev); f != nil && ev.attempt < len(f.tx) {
		f.tx[ev.attempt].left = ev.at.UnixNano()
	}
}

func (e *engine) find(ev *event) (uint32, *flight) {
	h := e.hosts.find(ev.target.Addr())
	if h == nil {
		return 0, nil
	}
	return e.flights.find(h, ev.target.Port())
}

// accept applies an answer to its probe, or says why it is rejected.
func (e *engine) accept(ev *event) (reject string) {
	if ev.kind == answerSYNACK {
		e.close(ev)
	}
	id, f := e.find(ev)
	switch {
	case f == nil && ev.kind.verified():
		return rejectAfterVerdict
	case f == nil || ev.attempt >= len(f.tx):
		return rejectUnsolicited
	case ev.kind == answerChallenge:
		return e.challenged(id, f, ev)
	case ev.kind == answerPathMTU:
		f.small = true
		return ""
	}
	return e.answered(id, f, ev)
}

// close sends the RST that ends the half-open connection behind a SYN-ACK,
// also behind a repeated one, whose first RST was lost.
func (e *engine) close(ev *event) {
	e.resets = append(e.resets, reset{src: ev.seg.Dst, dst: ev.seg.Src, seq: ev.seg.Ack})
}

// answered keeps the best answer of each probe, and ends or settles the probe.
func (e *engine) answered(id uint32, f *flight, ev *event) string {
	r := ev.kind.rank()
	if r <= f.rank {
		return rejectDuplicate
	}
	v := judge(e.cfg.Technique, f.target(), ev)
	if ev.kind.verified() && !e.delayed(f, ev) {
		v.RTT, v.Clock = e.measure(f.tx[ev.attempt], ev.at)
		e.learn(f, ev)
	}
	f.best, f.rank = &v, r
	switch r {
	case rankOpen:
		e.land(f)
		e.finish(id)
	case rankReset, rankICMP:
		e.land(f)
		f.phase = phaseSettled
		e.flights.expectBy(id, e.now+e.grace(f, ev))
	}
	return ""
}

// grace is how long a settled probe waits for something better: the genuine
// answer behind a forged one took the same way, and not much longer.
func (e *engine) grace(f *flight, ev *event) time.Duration {
	took := e.now - f.tx[ev.attempt].sent
	return min(max(2*took, minRTO), f.host.rto(0, e.cfg.Timeout))
}

// delayed tells whether the time an answer took is more than its way: our own
// kernel's verdict after seconds of neighbour discovery, or a SYN-ACK that the
// far end sent again because its first one was lost. That one answers the same
// transmission, and comes at least a second after the first (RFC 6298 §2.1).
func (e *engine) delayed(f *flight, ev *event) bool {
	if ev.sender == f.host.way.source {
		return true
	}
	usual, took := f.host.SRTT, e.now-f.tx[ev.attempt].sent
	return ev.kind == answerSYNACK && usual > 0 && took-usual > synackRTO
}

// synackRTO is a little less than the second after which the far end repeats.
const synackRTO = 900 * time.Millisecond

// learn draws from an answer what it says about the host and the way there.
// Errors made by routers say nothing of the host's round-trip time.
func (e *engine) learn(f *flight, ev *event) {
	if ev.kind == answerICMP {
		return
	}
	if f.rank < rankReset {
		f.host.Sample(e.now - f.tx[ev.attempt].sent)
		f.host.answered(ev.attempt == 0)
	}
	f.host.tally.seen(ev)
}

// land ends the flight of a probe, if it is in the air.
func (e *engine) land(f *flight) {
	if f.phase == phaseFlying {
		f.host.land()
	}
}

// challenged clears an old connection out of the way (RFC 9293 §3.10.7.4: a
// SYN on it draws an ACK) and tries again from another port. One more attempt
// is granted for it.
func (e *engine) challenged(id uint32, f *flight, ev *event) string {
	if f.phase != phaseFlying || f.rank > rankUnverified || !f.usedPort(e, ev.seg.Dst.Port()) {
		return rejectUnsolicited
	}
	e.resets = append(e.resets, reset{src: ev.seg.Dst, dst: ev.seg.Src, seq: ev.seg.Ack})
	if f.challenges == nil {
		f.challenges = &challenge{}
	}
	f.challenges.note(ev)
	if len(f.tx) < f.allowed(e.cfg) {
		e.land(f)
		e.flights.void(id)
		e.enqueue(id)
	}
	return ""
}

// measure is the RTT of one transmission and the clock behind it.
func (e *engine) measure(tx transmission, at time.Time) (time.Duration, netraw.Clock) {
	return tx.elapsed(at, e.start.Add(tx.sent), e.now)
}

// expire deals with the probes whose time is up.
func (e *engine) expire() {
	for {
		id, ok := e.flights.due(e.now)
		if !ok {
			return
		}
		f := e.flights.at(id)
		e.land(f)
		if f.phase == phaseSettled || len(f.tx) >= f.allowed(e.cfg) || e.stopping {
			e.finish(id)
		} else {
			e.enqueue(id)
		}
	}
}

// finish gives a probe its verdict and forgets it.
func (e *engine) finish(id uint32) {
	f := e.flights.at(id)
	v := f.verdict(e)
	v.Attempts = len(f.tx)
	canary, h := f.canary, f.host
	e.flights.remove(id)
	h.flights--
	e.hosts.trim(h)
	switch {
	case canary:
		h.tally.canary(v.State)
	case v.Attempts > 0 || v.Err != nil:
		h.tally.verdict(v.State)
		e.deliver(v)
	default:
		e.counters.unfinished++
	}
}

// deliver hands a verdict out.
func (e *engine) deliver(v Verdict) {
	e.counters.Probes++
	e.counters.States[v.State]++
	if v.Reason == ReasonInterrupted {
		e.counters.unfinished++
	}
	if err := e.sink.Port(v); err != nil {
		e.fail(err)
	}
}

// verdict is the best answer, or what silence means.
func (f *flight) verdict(e *engine) Verdict {
	v := Verdict{Target: f.target(), State: e.cfg.Technique.Silence, Reason: ReasonNoResponse}
	switch {
	case f.best != nil:
		v = *f.best
	case len(f.tx) < f.allowed(e.cfg):
		v.State, v.Reason, v.Err = StateUnknown, ReasonInterrupted, e.failure
	}
	return f.annotate(v)
}

// allowed is how many transmissions the probe may have.
func (f *flight) allowed(c *ScanConfig) int {
	n := c.Retries + 1
	if f.challenges != nil {
		n++
	}
	return n
}

// usedPort tells whether an attempt of the probe left from the port.
func (f *flight) usedPort(e *engine, port uint16) bool {
	for attempt := range f.tx {
		if e.matcher.port(attempt) == port {
			return true
		}
	}
	return false
}
