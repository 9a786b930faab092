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
	if ev.Before {
		e.answeredBefore(ev)
	}
	if ev.Strange() && e.cfg.Technique.Opens() && !e.noteElsewhere(ev) {
		e.noteOtherAck(ev)
	}
	wire.Count(&e.Counters.Summary, ev, e.accept)
}

// seenLeaving notes the kernel's stamp of a transmission.
func (e *engine) seenLeaving(ev *wire.Event) {
	if _, f := e.find(ev); f != nil && ev.Attempt < len(f.tx) {
		f.tx[e.leaving(f, ev)].Left = ev.At.UnixNano()
	}
}

func (e *engine) find(ev *wire.Event) (uint32, *flight) {
	h := e.hosts.find(ev.Target.Addr(), ev.Link)
	if h == nil {
		return 0, nil
	}
	return e.flights.find(h, ev.Target.Port())
}

// accept applies an answer to its probe, or says why it is rejected.
func (e *engine) accept(ev *wire.Event) (reject string) {
	switch {
	case e.isQuestion(ev):
		return e.questionAnswered(ev)
	case ev.Kind == wire.KindEcho:
		return e.replied(ev)
	}
	id, f := e.find(ev)
	if f != nil && !e.hosts.arrivedAt(f.host, ev) {
		return wire.RejectUnsolicited
	}
	sure := true
	if f != nil {
		e.newest(f, ev)
		sure = e.tellApart(f, ev)
		e.noteSending(f, ev)
	}
	if ev.Kind == wire.KindSYNACK {
		e.close(f, ev)
	}
	switch {
	case f == nil && ev.Kind.Verified():
		e.noteLateFirst(ev, -1)
		return wire.RejectAfterVerdict
	case f == nil || ev.Attempt >= len(f.tx) || e.tooEarly(f, ev):
		return wire.RejectUnsolicited
	}
	if e.strayed(f, ev) {
		f.host.tally.strayed++
		return rejectNeighbour
	}
	return e.answered(id, f, ev, sure)
}

// newest takes an answer without a number of ours for one to the latest of the transmissions that it may
// be to.
func (e *engine) newest(f *flight, ev *wire.Event) {
	if ports := len(e.Matcher.Ports); !ev.Kind.Verified() && ev.Attempt >= 0 && ev.Attempt < len(f.tx) {
		ev.Attempt += (len(f.tx) - 1 - ev.Attempt) / ports * ports
		if f.same.includes(ev.Attempt) {
			ev.Attempt = min(int(f.same.last), len(f.tx)-1)
		}
	}
}

// rejectNeighbour counts our own kernel's errors about a neighbour that has answered.
const rejectNeighbour = "neighbour-lost"

// strayed tells whether our own kernel gave a packet up because the link address of
// a host that has answered does not resolve any more: the link is away for a
// moment, which says nothing of a port.
func (e *engine) strayed(f *flight, ev *wire.Event) bool {
	return ev.Kind == wire.KindICMP && ev.Sender == f.host.way.source && !f.host.way.local && f.host.losses.answers > 0
}

// tooEarly tells whether a packet without a number of ours arrived before the
// probe that it would answer had left.
func (e *engine) tooEarly(f *flight, ev *wire.Event) bool {
	tx := f.tx[ev.Attempt]
	return !ev.Kind.Verified() && tx.After(ev.At, e.Start.Add(tx.Sent))
}

// answered lets an answer count, and does what it calls for; sure tells whether it is known
// which transmission it is to.
func (e *engine) answered(id uint32, f *flight, ev *wire.Event, sure bool) string {
	before := f.outcome.Rank
	if n := len(e.rooms); n > 0 && f.outcome.Room == nil {
		f.outcome.Room, e.rooms = e.rooms[n-1], e.rooms[:n-1]
	}
	do, reject := f.outcome.Take(e.cfg.Technique, f.target(), ev)
	do = f.questioned(do, ev)
	if reject != "" {
		e.act(do, id, f, ev)
		e.noteLateFirst(ev, int(f.same.first))
		return reject
	}
	if ev.Kind.Verified() && ev.Kind != wire.KindICMP && ev.Kind != wire.KindAskedReset && !f.known() {
		f.host.noteAbsence(f.tx[ev.Attempt].Sent)
	}
	if f.outcome.Rank > before {
		e.improved(f, ev, before, sure)
	}
	if f.phase == phaseHeld && (do == wire.ActFinish || do == wire.ActSettle || do == wire.ActHold) {
		e.flights.void(id) // it does not wait for the witness any more
	}
	e.vouch(f, ev)
	if before < wire.RankReset && f.outcome.Rank >= wire.RankReset && !f.known() && !f.canary {
		e.noteWitness(f.host, f.port)
	}
	e.act(do, id, f, ev)
	return ""
}

// improved takes note of an answer that is better than the ones before.
func (e *engine) improved(f *flight, ev *wire.Event, before wire.Rank, sure bool) {
	best := f.outcome.Best
	best.Time = ev.At
	if !ev.Kind.Verified() {
		return
	}
	if ev.Kind == wire.KindAskedReset {
		e.hear(f.host, best)
		return
	}
	deferred := ev.Kind != wire.KindICMP && e.persisted(f, ev, sure)
	switch {
	case f.watches || f.rechecks || sure && e.delayed(f, ev): // which tell of the port alone
	case sure && ev.Kind != wire.KindACK: // whose time is not that of the SYN
		best.RTT, best.Clock = e.roundTrip(f, ev)
		e.learnTimes(f, ev, before)
		fallthrough
	default:
		e.learn(f, ev, before, deferred)
	}
	e.hasten(f.host)
	e.hear(f.host, best)
}

// act does what an answer calls for.
func (e *engine) act(do wire.Action, id uint32, f *flight, ev *wire.Event) {
	switch do {
	case wire.ActFinish:
		if ev.Kind == wire.KindACK {
			e.close(f, ev)
		}
		if e.lingers(id, f, ev) {
			return
		}
		e.finish(id)
	case wire.ActSettle:
		if f.staysUntold() {
			return
		}
		e.settle(id, f, e.took(f, ev))
	case wire.ActHold:
		if f.phase != phaseFlying {
			e.settle(id, f, e.took(f, ev))
		}
	case wire.ActAsk:
		e.Responses.Add(wire.Ask(ev, e.Matcher.Cookie.Numbers(ev.Seg.Dst, ev.Seg.Src, f.same.of(ev.Attempt))), e.Now)
		e.awaitReply(id, f, ev)
	case wire.ActRenew:
		e.renew(id, f, ev)
	}
}

// delayed tells whether the time an answer took is more than its way: our own
// kernel's verdict after seconds of neighbour discovery, or a SYN-ACK that the
// far end retransmitted because its first one was lost.
func (e *engine) delayed(f *flight, ev *wire.Event) bool {
	if ev.Sender == f.host.way.source {
		return true
	}
	return ev.Kind == wire.KindSYNACK && f.host.Repeated(e.took(f, ev)) && f.host.doubts(e.took(f, ev))
}

// learnTimes draws from an answer how far the host is. Errors say little of that: it
// may limit them, or a router makes them.
func (e *engine) learnTimes(f *flight, ev *wire.Event, before wire.Rank) {
	switch took := e.took(f, ev); {
	case ev.Kind != wire.KindICMP:
		if ev.Kind == wire.KindSYNACK {
			f.host.accepts(took)
		}
		if before < wire.RankReset {
			e.noteRoundTrip(f.host, took)
			e.noteQueue(f, ev)
		}
	case ev.Sender == f.host.addr.WithZone(""):
		e.near(took)
	}
}

// learn draws from an answer what it says about loss on the way to the host, unless that is
// deferred.
func (e *engine) learn(f *flight, ev *wire.Event, before wire.Rank, deferred bool) {
	switch {
	case ev.Kind == wire.KindICMP:
		if ev.Sender == f.host.addr.WithZone("") {
			f.unnoteSilence(ev.Attempt)
			f.host.troubled().errors.note(e.lostBefore(f, ev.Attempt))
		}
		return
	case before >= wire.RankReset:
	case deferred:
		e.answeredAgain(f, ev.Attempt)
	default:
		e.measureLoss(f, ev.Attempt)
	}
	f.host.tally.seen(ev)
}

// renew clears an old connection out of the way and tries again from another
// port, where the probe is still waited for.
func (e *engine) renew(id uint32, f *flight, ev *wire.Event) {
	e.close(f, ev)
	if ev.Kind == wire.KindACK { // of our number: the host is there
		e.hear(f.host, &probe.Verdict{Target: f.target(), Reason: probe.ReasonSplitHandshake, TTL: ev.Seg.TTL})
	}
	if f.batch != nil {
		f.renew = true
		return
	}
	e.again(id, f)
}

// again has a probe transmitted once more, where it is still waited for.
func (e *engine) again(id uint32, f *flight) {
	if f.phase == phaseFlying && len(f.tx) < e.allowed(f) {
		e.flights.void(id)
		e.requeue(id, f)
	}
}

// took is how long an answer took, however late it was read.
func (e *engine) took(f *flight, ev *wire.Event) time.Duration {
	tx := f.tx[ev.Attempt]
	return tx.Took(ev.At, e.Start.Add(tx.Sent), e.Now)
}

// measure is the time from a transmission to an answer, and the clock behind it.
func (e *engine) measure(tx wire.Stamps, at time.Time) (time.Duration, netraw.Clock) {
	return tx.Elapsed(at, e.Start.Add(tx.Sent), e.Now)
}

// expire deals with the probes whose time is up, once everything that has
// arrived by now was taken in.
func (e *engine) expire() {
	if at, ok := e.flights.nextDeadline(); !ok || at > e.Now {
		return
	}
	e.CatchUp()
	for {
		id, ok := e.flights.due(e.Now)
		if !ok {
			return
		}
		f := e.flights.at(id)
		if until, more := e.worthWaiting(f); more {
			e.flights.expectBy(id, until)
			continue
		}
		if f.watches && f.phase == phaseFlying {
			e.witnessTimedOut(id, f)
			continue
		}
		if f.phase == phaseFlying && !f.asked {
			e.noteSilence(f)
		}
		f.moves()
		silent := f.phase == phaseFlying && (f.asked && !f.outcome.Renewed() || len(f.tx) >= e.allowed(f))
		switch {
		case e.asksAgain(id, f) || silent && (e.mayBeLimited(id, f) || e.asksRefilled(id, f)):
		case silent && (e.suspects(f) && e.hold(id, f) || e.stays(id, f)):
		case silent:
			e.endSilent(id, f)
		case f.phase == phaseSettled || e.Stopping:
			e.finish(id)
		case e.missed(f) && e.hold(id, f):
		default:
			e.requeue(id, f)
		}
	}
}

// worthWaiting is until when the answer to a probe may still come: answers of its host
// may turn out to take longer than was thought when it was sent. In a run that has been
// interrupted there will be no other transmission, so its time is not the one after
// which it would be retransmitted.
func (e *engine) worthWaiting(f *flight) (until time.Duration, more bool) {
	if f.phase != phaseFlying || len(f.tx) == 0 {
		return 0, false
	}
	if f.batch != nil {
		return e.Now + besideLook, true
	}
	until = e.overdue(f)
	if e.Stopping && !f.watches && len(f.tx) < e.allowed(f) {
		until = f.latest().Sent + e.longest(f.host)
	}
	return until, until > e.Now
}

// finish gives a probe its verdict and forgets it.
func (e *engine) finish(id uint32) {
	f := e.flights.at(id)
	v := e.verdict(f)
	v.Attempts = f.attempts()
	f.moves()
	canary, watches, rechecks, otherAck, h := f.canary, f.watches, f.rechecks, f.otherAck, f.host
	if f.outcome.Room != nil {
		e.rooms = append(e.rooms, f.outcome.Room)
	}
	e.flights.remove(id)
	if h.flights--; h.busy() == 0 {
		e.countDeferred(h.persistence)
	}
	switch {
	case watches:
		e.witnessEnded(h)
	case canary:
		h.tally.canary(v.State)
	case rechecks:
		v.Time = e.Start.Add(e.Now)
		if p := &h.several.samples.load.pressed; p.asking > 0 {
			p.askedAgain(&v)
		} else {
			h.several.samples.rechecked(&v)
		}
	case v.Attempts > 0 || v.Err != nil:
		if otherAck && v.Reason == probe.ReasonNoResponse {
			h.tally.otherAcks.ports++
		}
		h.tally.verdict(v.State)
		e.deliver(h, v)
	default:
		e.Counters.Unfinished++
	}
	e.endStay(h)
	if e.hosts.trim(h) {
		if h.several != nil && h.several.samples != nil {
			e.tellPressed(h)
		}
		e.handOut(h)
	}
}

// deliver hands a verdict out.
func (e *engine) deliver(h *host, v probe.Verdict) {
	if v.Time.IsZero() {
		v.Time = e.Start.Add(e.Now)
	}
	if e.withhold(h, &v) {
		return
	}
	h.account(&v, max(0, v.Time.Sub(e.Start))) // an earlier run may have had the answer
	h.sample(&v)
	e.controlLoad(h)
	if !e.presses(h, &v) {
		e.tell(v)
	}
}

// tell counts a verdict, and hands it to the sink.
func (e *engine) tell(v probe.Verdict) {
	e.Counters.Probes++
	e.Counters.States[v.State]++
	switch v.Reason {
	case probe.ReasonInterrupted:
		e.Counters.Unfinished++
	case probe.ReasonWentSilent:
		e.Counters.WentSilent++
	}
	if err := e.sink.Port(v); err != nil {
		e.Fail(err)
	}
}

// verdict is the best answer, or what silence means.
func (e *engine) verdict(f *flight) probe.Verdict {
	v := f.outcome.Verdict(e.cfg.Technique, f.target())
	open := e.openBefore(f.host, f.port)
	switch {
	case open != nil && !f.watches && !f.rechecks && !f.outcome.Open():
		v = *open
		v.Target = f.target()
	case f.outcome.Best != nil:
	case f.hostSilent(e.allowed(f)):
		v = wentSilent(f.target())
	case (f.untold || len(f.tx) >= e.allowed(f)) && !(f.phase == phaseHeld && (e.Stopping || e.Failure != nil)):
		v.Confidence = e.confidence(f)
		if f.otherAck || f.outcome.Renewed() { // it is not silent
			v.Confidence = 0
		}
	default:
		v.State, v.Reason, v.Err = probe.StateUnknown, probe.ReasonInterrupted, e.Failure
	}
	return v
}
