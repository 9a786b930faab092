package probe

import (
	"net/netip"
	"time"
)

// errandLimit bounds the wait for the neighbour before the first probe.
const errandLimit = 200 * time.Millisecond

// quickest is the least time that a first round is given.
const quickest = 10 * time.Millisecond

// sendErrand sends a SYN that dies at the first router, so that the neighbour's
// address is known before anything is timed.
func (t *tracer) sendErrand() {
	if t.route.Local {
		return
	}
	t.errand = &shot{ttl: 1, errand: true}
	t.shoot(t.errand, t.matcher.ports[len(t.matcher.ports)-1])
}

// warming tells whether the errand is still under way.
func (t *tracer) warming() bool {
	s := t.errand
	return s != nil && !s.ended && s.tx.left == 0 && t.now-s.tx.sent < errandLimit && !t.stopping
}

// fill sends what may be sent now.
func (t *tracer) fill() {
	t.sendResets()
	for !t.stopping && !t.warming() && t.failure == nil && t.now >= t.next {
		q := t.pick()
		if q == nil {
			return
		}
		port := t.matcher.ports[0]
		if t.cfg.Flow == FlowVary || q.aside {
			t.ports++
			port = t.matcher.ports[t.ports%len(t.matcher.ports)]
		}
		if t.begun == 0 {
			t.begun = t.now
		}
		q.shot = &shot{ttl: uint8(q.TTL), index: q.TTL - 1, n: uint64(q.Query - 1), attempt: 1}
		t.shoot(q.shot, port)
		t.next = t.now + spacing
		if q.Query == 1 {
			t.firstRound = t.now
		}
	}
}

// pick is the next probe to send, nil if there is none for now: round after
// round of all hops that are of interest.
func (t *tracer) pick() *query {
	if len(t.again) > 0 {
		q := t.again[0]
		t.again = t.again[1:]
		return q
	}
	for ; t.pending(); t.plan++ {
		round, ttl := t.plan/t.cfg.MaxHops, t.plan%t.cfg.MaxHops+1
		if round > 0 && t.now < t.secondRound() {
			return nil
		}
		if ttl <= t.promising(round) {
			t.plan++
			q := t.grid[ttl-1][round]
			q.aside = t.aside && ttl > t.routers
			return q
		}
	}
	return nil
}

// secondRound is when the probes after the first of each hop may leave: as soon
// as the length of the way is known, or when it could be, so that the target is
// not flooded with SYNs that tell nothing.
func (t *tracer) secondRound() time.Duration {
	switch {
	case t.last > 0:
		return 0
	case t.routers > 0:
		return t.firstRound + max(2*t.longest, quickest)
	}
	return t.firstRound + t.cfg.Timeout/4
}

// promising is the highest TTL that is worth a probe in a round: behind the
// last router that answered, a few that may have lost the packet.
func (t *tracer) promising(round int) int {
	if t.last > 0 || round == 0 {
		return t.reach()
	}
	return min(t.routers+3, t.cfg.MaxHops)
}

// shoot sends one probe.
func (t *tracer) shoot(s *shot, port uint16) {
	s.src, s.dst = netip.AddrPortFrom(t.route.Source, port), t.cfg.Target
	id := len(t.table.list)
	s.numbers = t.matcher.cookie.numbers(s.src, s.dst, id)
	// One after the other from a random start, so that each is different.
	s.ipid = t.matcher.cookie.numbers(s.src, s.dst, -1).ipID() + uint16(id)
	t.table.add(s)
	t.packets.addShot(s, t.now)
	s.wire = append([]byte(nil), t.packets.batch[0]...)
	t.reading = t.clocks.read()
	s.tx.sent, s.handed = t.now, t.reading
	_, err := t.network.Send(t.packets.batch)
	s.back = t.clocks.read().wall
	t.packets.clear()
	switch {
	case err != nil && s.errand:
		s.ended = true
	case err != nil:
		t.refused(s, err)
	default:
		t.flying.push(s)
		t.counters.sent(0, t.now)
	}
}

// refused ends the trace with a probe that the kernel did not take.
func (t *tracer) refused(s *shot, err error) {
	s.ended = true
	t.verdict = unsendable(t.cfg.Target, err)
	t.fail(err)
}
