package scan

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

const (
	turnSize   = 4 * wire.BatchSize // packets sent before arrivals are looked at again
	maxWaiting = 1 << 17            // probes held back by closed limiters
	maxFlights = 1 << 18            // probes in flight
	// repeatShare is the part of a turn that repeated probes may have while
	// fresh targets are left: enough to learn early what a host limits and a
	// path loses.
	repeatShare = 8
)

// fill sends what may be sent now: responses first, then fresh targets and, as
// far as there is room, probes whose turn has come again. All count towards the
// rate.
func (e *engine) fill() {
	budget := e.Pace.Allowance(e.Now, turnSize)
	if e.Outage.Lasting() {
		budget = min(budget, 1) // one tells whether the network is back
	}
	granted := budget
	switch {
	case e.Stopping:
		budget = e.Respond(budget)
		e.dropWaiting()
	case e.resting():
	case e.Now < e.Paused:
		budget = e.Respond(budget)
	default:
		budget = e.RespondBeside(budget)
		if budget = e.sendTrials(budget); !e.triesShared() {
			budget = e.Respond(e.sendAll(budget))
		}
	}
	e.Booked(granted - budget)
	e.Hungry = (budget == 0 || e.Now < e.Paused) && e.wants()
}

// sendAll sends probes, and what witnesses are asked beside them: before all probes in one turn, and behind them in the
// next. What leaves first may find a token that the bucket of a limit got since the turn before, and what leaves last none,
// whatever becomes of the others.
func (e *engine) sendAll(budget int) int {
	l := &e.limits
	if len(l.asks) == 0 {
		return e.sendProbes(budget)
	}
	if l.last = !l.last; !l.last {
		return e.sendProbes(e.sendBeside(budget))
	}
	kept := min(budget, len(l.asks))
	return e.sendBeside(e.sendProbes(budget-kept) + kept)
}

// sendProbes sends echo requests, waiting probes and fresh ones.
func (e *engine) sendProbes(budget int) int {
	budget = e.sendEchoes(budget)
	budget = e.sendWaiting(budget, e.share(budget))
	budget = e.sendFresh(budget)
	budget = e.sendWaiting(budget, budget)
	e.flush()
	return budget
}

// wants tells whether there is anything to send that the pace alone holds back.
func (e *engine) wants() bool {
	if e.triesShared() {
		return e.Responses.Ready(e.Now)
	}
	return e.Responses.Ready(e.Now) || !e.Stopping && (len(e.search.echoes) > 0 || e.ready.any(e.Now) || e.roomForMore())
}

// share is what waiting probes may have of a budget before fresh targets do.
func (e *engine) share(budget int) int {
	if !e.roomForMore() {
		return budget
	}
	return (budget + repeatShare - 1) / repeatShare
}

// sendWaiting lets hosts with waiting probes take turns, for at most limit
// probes of the budget.
func (e *engine) sendWaiting(budget, limit int) int {
	for limit = min(limit, budget); limit > 0; {
		h := e.ready.next(e.Now, e.room)
		if h == nil {
			break
		}
		t := e.waiting(h)
		if f := e.flights.at(t.id); e.flights.holds(t) { // not answered meanwhile
			e.transmit(t.id, f)
			limit--
			budget--
		}
		e.ready.back(h)
	}
	return budget
}

// sendFresh takes new targets. One that needs no packet costs its turn too.
func (e *engine) sendFresh(budget int) int {
	for budget > 0 && e.roomForMore() {
		target, ok := e.next()
		if !ok {
			e.exhausted = true
			break
		}
		h, ok := e.admit(target)
		switch {
		case !ok:
		case h.resolving || h.pending.n > 0 || !e.mayReach(h):
			e.enqueueUnsent(h, target.Port())
			continue
		default:
			id := e.flights.add(h, target.Port())
			e.transmit(id, e.flights.at(id))
		}
		budget--
	}
	return budget
}

func (e *engine) mayReach(h *host) bool {
	_, ok := e.room(h)
	return ok
}

func (e *engine) roomForMore() bool {
	return !e.exhausted && e.ready.waiting < maxWaiting && e.flights.busy() < maxFlights && e.Failure == nil
}

// admit finds the host of a target, which is to be probed unless its verdict needs no probe: ok is false then.
func (e *engine) admit(target netip.AddrPort) (h *host, ok bool) {
	h = e.hosts.get(target.Addr())
	if f := &h.found; !f.met {
		f.met, f.began = true, e.Now
		e.recall(h)
	}
	if v, foregone := e.foregone(h, target); foregone {
		e.deliver(h, v)
		return h, false
	}
	h.another()
	return h, true
}

// foregone is the verdict of a target that cannot be probed.
func (e *engine) foregone(h *host, target netip.AddrPort) (probe.Verdict, bool) {
	v := probe.Verdict{Target: target}
	switch {
	case h.way.err != nil:
		v.Reason, v.Err = probe.ReasonNoRoute, h.way.err
		e.Counters.NoRoute(h.way.err)
	case h.way.many:
		v.Reason = wire.ReasonNotAHost(target.Addr())
		e.Counters.NotAHost(target.Addr())
	case h.gone():
		v = wentSilent(target)
		if open := e.openBefore(h, target.Port()); open != nil {
			v = *open
			v.Target = target
		}
	case h.absent() != nil:
		v = *h.absent()
		v.Target = target
	case h.way.local && slices.Contains(e.Matcher.Ports, target.Port()):
		v.Reason = probe.ReasonOwnPort
	default:
		return v, false
	}
	return v, true
}

// enqueue lets a probe wait for its turn.
func (e *engine) enqueue(id uint32) {
	f := e.flights.at(id)
	f.phase = phaseQueued
	e.Hungry = true
	e.ready.add(f.host, e.flights.ticket(id))
}

// enqueueFirst lets a probe wait before all others of its host.
func (e *engine) enqueueFirst(id uint32) {
	f := e.flights.at(id)
	f.phase = phaseQueued
	e.Hungry = true
	e.ready.addFirst(f.host, e.flights.ticket(id))
}

// dropWaiting ends the probes that will not be sent any more.
func (e *engine) dropWaiting() {
	e.recordUnsent()
	for _, id := range e.flights.all() {
		if f := e.flights.at(id); f.stays || f.phase == phaseQueued || f.phase == phaseRefused || f.phase == phaseHeld {
			e.finish(id)
		}
	}
}

// transmit puts the next attempt of a probe into the batch.
func (e *engine) transmit(id uint32, f *flight) {
	attempt, numbered := len(f.tx), e.numbered(f)
	e.hosts.refresh(f.host)
	port := e.Matcher.Port(numbered)
	src := netip.AddrPortFrom(e.hosts.sourceOf(f.host, port, f.port), port)
	e.Packets.Add(wire.Size(f.outcome.Small()), src, f.target(), e.Matcher.Cookie.Numbers(src, f.target(), numbered), e.Now)
	f.tx = append(f.tx, wire.Stamps{})
	if f.watches {
		f.host.watch.queued = false
	}
	e.greet(f, attempt)
	e.askBeside(f.host)
	e.mindQueue(f.host)
	f.host.limiter().depart(e.Now) // or the whole batch would be taken for the first packet of it
	e.batch = append(e.batch, wire.Entry{ID: id, Attempt: attempt - e.firstAttempt(f)})
	if e.Packets.Full() && !e.queueBatch() {
		e.flush()
	}
}

// flush sends the batch. A packet that the kernel refuses costs only itself.
func (e *engine) flush() {
	for at := 0; at < len(e.batch); {
		e.Now = time.Since(e.Start)
		n, err := e.Network.Send(e.Packets.Batch[at:])
		for _, x := range e.batch[at : at+n] {
			f := e.flights.at(x.ID)
			e.Counters.Departed(x.Attempt, e.Now)
			e.left(f, e.Now)
			e.fly(x.ID, f)
		}
		at += n
		if at < len(e.batch) {
			e.refused(e.batch[at].ID, err, e.Now)
			at++
		}
	}
	e.clearBatch()
}

func (e *engine) clearBatch() {
	e.batch = e.batch[:0]
	e.Packets.Clear()
}

// fly starts the clock of a probe that was sent.
func (e *engine) fly(id uint32, f *flight) {
	f.phase = phaseFlying
	f.host.left++
	e.flights.expectBy(id, e.overdue(f))
	e.guessesAfter(f)
}

// left takes note that the kernel took a probe's packet, and when.
func (e *engine) left(f *flight, at time.Duration) {
	if f.walled {
		e.Firewall.Let(at)
	}
	f.latest().Sent, f.refused, f.walled = at, 0, false
	if f.host.began == 0 {
		f.host.began = max(at, 1)
	}
	if t := f.host.trouble; t != nil {
		t.away, t.full = 0, 0
	}
	if s := f.host.several; s != nil {
		s.left = at
	}
	if !f.host.way.local { // which works without any network
		e.Outage.Left(at)
	}
}

// noteRefusal takes note of a packet that the kernel did not take, and when; h may be nil. Where
// packets to others left since the host has no way, a route is gone and not the network.
func (e *engine) noteRefusal(h *host, err error, at time.Duration) {
	switch wire.RefusalOf(err) {
	case wire.RefusedByFirewall:
		e.firewalled++
	case wire.RefusedForNow:
		if h == nil {
			break
		}
		if t := h.troubled(); t.full == 0 {
			t.full = max(at, 1)
		}
	case wire.RefusedNetworkAway:
		if h == nil {
			break
		}
		if t := h.troubled(); t.away == 0 {
			t.away = max(at, 1)
		}
		if e.Outage.LeftSince(h.trouble.away) {
			return
		}
	}
	e.RefusedAt(err, at)
}

// cutOff tells whether the way to a host has been gone for as long as a run waits, while there
// was one to others.
func (e *engine) cutOff(h *host, err error, at time.Duration) bool {
	return wire.RefusalOf(err) == wire.RefusedNetworkAway && at-h.trouble.away >= wire.OutageLimit && e.Outage.LeftSince(h.trouble.away)
}

// crowded tells whether the kernel has had no room for a host's packets for as long as a run
// waits: each of its ports is tried once now, and no more.
func (e *engine) crowded(h *host, err error, at time.Duration) bool {
	return wire.RefusalOf(err) == wire.RefusedForNow && at-h.trouble.full >= wire.OutageLimit
}

// refused lets a probe that the kernel did not take wait for another try, or
// ends it.
func (e *engine) refused(id uint32, err error, at time.Duration) {
	f := e.flights.at(id)
	f.takeBack()
	e.noteRefusal(f.host, err, at)
	cutOff := e.cutOff(f.host, err, at)
	f.walled = wire.RefusalOf(err) == wire.RefusedByFirewall
	if wait, again := e.Firewall.Backoff(err, int(f.refused), e.Now); again && !cutOff && !e.crowded(f.host, err, at) && e.Failure == nil {
		f.refused = min(f.refused, 254) + 1
		f.phase = phaseRefused
		e.flights.expectBy(id, e.Now+wait)
		return
	}
	e.Counters.Refusal = err
	v := wire.Unsendable(f.target(), err)
	if cutOff && errors.Is(err, netraw.ErrNoRoute) {
		v.Reason = probe.ReasonNoRoute
	}
	f.outcome.Best, f.outcome.Rank = &v, wire.RankReset
	e.finish(id)
}
