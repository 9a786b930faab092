package scan

import (
	"net/netip"
	"slices"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

const (
	turnSize   = 4 * wire.BatchSize // packets sent before arrivals are looked at again
	maxWaiting = 4096               // probes held back by closed windows
	maxFlights = 1 << 18            // probes in flight
)

// fill sends what may be sent now: resets first, then probes whose turn has
// come, then fresh ones.
func (e *engine) fill() {
	e.sendResets()
	if e.stopping {
		e.dropQueue()
		e.hungry = false
		return
	}
	budget := e.pace.Allowance(e.now, turnSize)
	granted := budget
	budget = e.sendQueued(budget)
	budget = e.sendFresh(budget)
	e.flush()
	e.pace.Spend(granted - budget)
	e.hungry = budget == 0 && (e.queue.n > 0 || !e.exhausted)
}

// sendQueued goes once through the queue; probes whose host's window is closed
// keep waiting.
func (e *engine) sendQueued(budget int) int {
	for n := e.queue.n; n > 0 && budget > 0; n-- {
		t := e.queue.pop()
		f := e.flights.at(t.id)
		switch {
		case f.schedule != t.schedule: // answered meanwhile
		case f.host.room(e.now, f.host.SRTT):
			e.transmit(t.id, f)
			budget--
		default:
			e.queue.push(t)
		}
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
		id, f := e.admit(target)
		if f != nil && !f.host.room(e.now, f.host.SRTT) {
			e.enqueue(id)
			continue
		}
		if f != nil {
			e.transmit(id, f)
		}
		budget--
	}
	return budget
}

func (e *engine) roomForMore() bool {
	return !e.exhausted && e.queue.n < maxWaiting && e.flights.live < maxFlights && e.failure == nil
}

// admit makes a probe of a target, unless its verdict needs none.
func (e *engine) admit(target netip.AddrPort) (uint32, *flight) {
	h := e.hosts.get(target.Addr())
	if v, ok := e.foregone(h, target); ok {
		e.deliver(v)
		return 0, nil
	}
	id := e.flights.add(h, target.Port())
	return id, e.flights.at(id)
}

// foregone is the verdict of a target that cannot be probed.
func (e *engine) foregone(h *host, target netip.AddrPort) (probe.Verdict, bool) {
	v := probe.Verdict{Target: target}
	switch {
	case h.way.err != nil:
		v.Reason, v.Err = probe.ReasonNoRoute, h.way.err
		e.counters.Unroutable = h.way.err
	case h.way.local && slices.Contains(e.matcher.Ports, target.Port()):
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
	e.hungry = true
	e.queue.push(ticket{id, f.schedule})
}

// dropQueue ends the probes that will not be sent any more.
func (e *engine) dropQueue() {
	for e.queue.n > 0 {
		t := e.queue.pop()
		if e.flights.at(t.id).schedule == t.schedule {
			e.finish(t.id)
		}
	}
}

// transmit puts the next attempt of a probe into the batch.
func (e *engine) transmit(id uint32, f *flight) {
	attempt := len(f.tx)
	src := netip.AddrPortFrom(f.host.way.source, e.matcher.Port(attempt))
	e.packets.Add(f.small, src, f.target(), e.matcher.Cookie.Numbers(src, f.target(), attempt), e.now)
	f.tx = append(f.tx, wire.Stamps{})
	e.batch = append(e.batch, id)
	if e.packets.Full() {
		e.flush()
	}
}

// flush sends the batch. A packet that the kernel refuses costs only itself.
func (e *engine) flush() {
	for at := 0; at < len(e.batch); {
		e.now = time.Since(e.start)
		n, err := e.network.Send(e.packets.Batch[at:])
		for _, id := range e.batch[at : at+n] {
			e.departed(id)
		}
		at += n
		if at < len(e.batch) {
			e.refused(e.batch[at], err)
			at++
		}
	}
	e.clearBatch()
}

func (e *engine) clearBatch() {
	e.batch = e.batch[:0]
	e.packets.Clear()
}

// departed starts the clock of a probe that left.
func (e *engine) departed(id uint32) {
	f := e.flights.at(id)
	attempt := len(f.tx) - 1
	f.tx[attempt].Sent = e.now
	f.phase = phaseFlying
	f.host.depart()
	e.outage.End()
	e.counters.Departed(attempt, e.now)
	e.flights.expectBy(id, e.now+f.host.Rto(attempt, e.cfg.Timeout))
}

// refused ends a probe that the kernel did not take.
func (e *engine) refused(id uint32, err error) {
	f := e.flights.at(id)
	f.tx = f.tx[:len(f.tx)-1]
	e.outage.Note(err)
	if e.outage.Certain() {
		e.fail(e.outage.Error())
	}
	v := wire.Unsendable(f.target(), err)
	f.best, f.rank = &v, wire.RankReset
	e.finish(id)
}

// sendResets closes half-open connections.
func (e *engine) sendResets() {
	e.counters.Resets += e.packets.SendResets(e.network, e.resets)
	e.resets = e.resets[:0]
}
