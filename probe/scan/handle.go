package scan

import (
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// handle takes in one packet: counts it, finds its probe, and lets the answer
// take effect.
func (e *engine) handle(ev *wire.Event) {
	switch {
	case ev.Kind == wire.KindDeparture:
		e.seenLeaving(ev)
		return
	case ev.Own:
		return
	}
	wire.Count(&e.counters.Summary, ev, e.accept)
}

// seenLeaving notes the kernel's stamp of a transmission.
func (e *engine) seenLeaving(ev *wire.Event) {
	if _, f := e.find(ev); f != nil && ev.Attempt < len(f.tx) {
		f.tx[ev.Attempt].Left = ev.At.UnixNano()
	}
}

func (e *engine) find(ev *wire.Event) (uint32, *flight) {
	h := e.hosts.find(ev.Target.Addr())
	if h == nil {
		return 0, nil
	}
	return e.flights.find(h, ev.Target.Port())
}

// accept applies an answer to its probe, or says why it is rejected.
func (e *engine) accept(ev *wire.Event) (reject string) {
	if ev.Kind == wire.KindSYNACK {
		e.close(ev)
	}
	id, f := e.find(ev)
	switch {
	case f == nil && ev.Kind.Verified():
		return wire.RejectAfterVerdict
	case f == nil || ev.Attempt >= len(f.tx):
		return wire.RejectUnsolicited
	case ev.Kind == wire.KindChallenge:
		return e.challenged(id, f, ev)
	case ev.Kind == wire.KindPathMTU:
		f.small = true
		return ""
	}
	return e.answered(id, f, ev)
}

// close sends the RST that ends the half-open connection behind a SYN-ACK,
// also behind a repeated one, whose first RST was lost.
func (e *engine) close(ev *wire.Event) {
	e.resets = append(e.resets, wire.Reset{Src: ev.Seg.Dst, Dst: ev.Seg.Src, Seq: ev.Seg.Ack})
}

// answered keeps the best answer of each probe, and ends or settles the probe.
func (e *engine) answered(id uint32, f *flight, ev *wire.Event) string {
	r := ev.Kind.Rank()
	if r <= f.rank {
		return wire.RejectDuplicate
	}
	v := wire.Judge(e.cfg.Technique, f.target(), ev)
	if ev.Kind.Verified() && !e.delayed(f, ev) {
		v.RTT, v.Clock = e.measure(f.tx[ev.Attempt], ev.At)
		e.learn(f, ev)
	}
	f.best, f.rank = &v, r
	switch r {
	case wire.RankOpen:
		e.land(f)
		e.finish(id)
	case wire.RankReset, wire.RankICMP:
		e.land(f)
		f.phase = phaseSettled
		e.flights.expectBy(id, e.now+e.grace(f, ev))
	}
	return ""
}

// grace is how long a settled probe waits for something better: the genuine
// answer behind a forged one took the same way, and not much longer.
func (e *engine) grace(f *flight, ev *wire.Event) time.Duration {
	took := e.now - f.tx[ev.Attempt].Sent
	return min(max(2*took, wire.MinRTO), f.host.Rto(0, e.cfg.Timeout))
}

// delayed tells whether the time an answer took is more than its way: our own
// kernel's verdict after seconds of neighbour discovery, or a SYN-ACK that the
// far end sent again because its first one was lost. That one answers the same
// transmission, and comes at least a second after the first (RFC 6298 §2.1).
func (e *engine) delayed(f *flight, ev *wire.Event) bool {
	if ev.Sender == f.host.way.source {
		return true
	}
	usual, took := f.host.SRTT, e.now-f.tx[ev.Attempt].Sent
	return ev.Kind == wire.KindSYNACK && usual > 0 && took-usual > synackRTO
}

// synackRTO is a little less than the second after which the far end repeats.
const synackRTO = 900 * time.Millisecond

// learn draws from an answer what it says about the host and the way there.
// Errors made by routers say nothing of the host's round-trip time.
func (e *engine) learn(f *flight, ev *wire.Event) {
	if ev.Kind == wire.KindICMP {
		return
	}
	if f.rank < wire.RankReset {
		f.host.Sample(e.now - f.tx[ev.Attempt].Sent)
		f.host.answered(ev.Attempt == 0)
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
func (e *engine) challenged(id uint32, f *flight, ev *wire.Event) string {
	if f.phase != phaseFlying || f.rank > wire.RankUnverified || !f.usedPort(e, ev.Seg.Dst.Port()) {
		return wire.RejectUnsolicited
	}
	e.resets = append(e.resets, wire.Reset{Src: ev.Seg.Dst, Dst: ev.Seg.Src, Seq: ev.Seg.Ack})
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
func (e *engine) measure(tx wire.Stamps, at time.Time) (time.Duration, netraw.Clock) {
	return tx.Elapsed(at, e.start.Add(tx.Sent), e.now)
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
		e.counters.Unfinished++
	}
}

// deliver hands a verdict out.
func (e *engine) deliver(v probe.Verdict) {
	e.counters.Probes++
	e.counters.States[v.State]++
	if v.Reason == probe.ReasonInterrupted {
		e.counters.Unfinished++
	}
	if err := e.sink.Port(v); err != nil {
		e.fail(err)
	}
}

// verdict is the best answer, or what silence means.
func (f *flight) verdict(e *engine) probe.Verdict {
	v := probe.Verdict{Target: f.target(), State: e.cfg.Technique.Silence, Reason: probe.ReasonNoResponse}
	switch {
	case f.best != nil:
		v = *f.best
	case len(f.tx) < f.allowed(e.cfg):
		v.State, v.Reason, v.Err = probe.StateUnknown, probe.ReasonInterrupted, e.failure
	}
	return f.annotate(v)
}

// allowed is how many transmissions the probe may have.
func (f *flight) allowed(c *Config) int {
	n := c.Retries + 1
	if f.challenges != nil {
		n++
	}
	return n
}

// usedPort tells whether an attempt of the probe left from the port.
func (f *flight) usedPort(e *engine, port uint16) bool {
	for attempt := range f.tx {
		if e.matcher.Port(attempt) == port {
			return true
		}
	}
	return false
}
