package trace

import (
	"net/netip"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
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
	t.errand = &wire.Transmission{Ttl: 1, Errand: true}
	t.shoot(t.errand, t.Matcher.Ports[len(t.Matcher.Ports)-1])
}

// warming tells whether the errand is still under way.
func (t *tracer) warming() bool {
	s := t.errand
	return s != nil && !s.Ended && s.Tx.Left == 0 && t.Now-s.Tx.Sent < errandLimit && !t.Stopping
}

// fill sends what may be sent now.
func (t *tracer) fill() {
	t.SendResets()
	for !t.Stopping && !t.warming() && t.Failure == nil && t.Now >= t.next {
		q := t.pick()
		if q == nil {
			return
		}
		port := t.Matcher.Ports[0]
		if t.cfg.Flow == probe.FlowVary || q.aside {
			t.ports++
			port = t.Matcher.Ports[t.ports%len(t.Matcher.Ports)]
		}
		if t.begun == 0 {
			t.begun = t.Now
		}
		q.shot = &wire.Transmission{Ttl: uint8(q.TTL), Index: q.TTL - 1, N: uint64(q.Query - 1), Attempt: 1}
		t.shoot(q.shot, port)
		t.next = t.Now + spacing
		if q.Query == 1 {
			t.firstRound = t.Now
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
		if round > 0 && t.Now < t.secondRound() {
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
func (t *tracer) shoot(s *wire.Transmission, port uint16) {
	s.Src, s.Dst = netip.AddrPortFrom(t.route.Source, port), t.cfg.Target
	id := len(t.Table.List)
	s.Numbers = t.Matcher.Cookie.Numbers(s.Src, s.Dst, id)
	// One after the other from a random start, so that each is different.
	s.Ipid = t.Matcher.Cookie.Numbers(s.Src, s.Dst, -1).IpID() + uint16(id)
	t.Table.Add(s)
	t.Packets.AddShot(s, t.Now)
	s.Wire = append([]byte(nil), t.Packets.Batch[0]...)
	t.Reading = t.Clocks.Read()
	s.Tx.Sent, s.Handed = t.Now, t.Reading
	_, err := t.Network.Send(t.Packets.Batch)
	s.Back = t.Clocks.Read().Wall
	t.Packets.Clear()
	switch {
	case err != nil && s.Errand:
		s.Ended = true
	case err != nil:
		t.refused(s, err)
	default:
		t.Flying.Push(s)
		t.Counters.Departed(0, t.Now)
	}
}

// refused ends the trace with a probe that the kernel did not take.
func (t *tracer) refused(s *wire.Transmission, err error) {
	s.Ended = true
	t.verdict = wire.Unsendable(t.cfg.Target, err)
	t.Fail(err)
}
