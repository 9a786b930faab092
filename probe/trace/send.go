package trace

import (
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// warmUpLimit bounds the wait for the neighbour before the first probe.
const warmUpLimit = 200 * time.Millisecond

// quickest is the least time that a first round is given.
const quickest = 10 * time.Millisecond

// sendWarmUp sends a SYN that dies at the first router, so that the neighbour's
// address is known before anything is timed.
func (t *tracer) sendWarmUp() {
	if t.route.Local {
		return
	}
	t.warmUp = &wire.Transmission{TTL: 1, WarmUp: true}
	if t.transmit(t.warmUp, t.Matcher.Ports[len(t.Matcher.Ports)-1]) != nil {
		t.warmUp.Ended = true
	}
}

// warming tells whether the warm-up probe is still under way.
func (t *tracer) warming() bool {
	s := t.warmUp
	return s != nil && !s.Ended && s.Tx.Left == 0 && t.Now-s.Tx.Sent < warmUpLimit && !t.Stopping
}

// fill sends what may be sent now.
func (t *tracer) fill() {
	t.Respond()
	for !t.Stopping && !t.warming() && t.Failure == nil && t.unsendable == nil && t.Now >= t.next && t.Pace.Allowance(t.Now, 1) > 0 {
		q, at := t.pick()
		if q == nil || at > t.Now {
			return
		}
		t.send(q)
	}
}

// send sends the probe of a query.
func (t *tracer) send(q *query) {
	if len(t.again) > 0 && t.again[0] == q {
		t.again = t.again[1:]
	}
	q.aside = q.aside || t.aside && q.TTL > t.end.routers
	port := t.Matcher.Ports[0]
	if t.cfg.Flow == probe.FlowVary || q.aside {
		t.ports++
		port = t.Matcher.Ports[t.ports%len(t.Matcher.Ports)]
	}
	s := &wire.Transmission{TTL: uint8(q.TTL), Index: q.TTL - 1, N: uint64(q.Query - 1), Attempt: 1, Small: q.small}
	if err := t.transmit(s, port); err != nil {
		t.refused(q, s, err)
		return
	}
	q.sent = s
	t.Flying.Push(s)
	t.Counters.Departed(0, t.Now)
	t.outage.End()
	t.next = t.Now + spacing
	if q.Query == 1 {
		t.firstRound = t.Now
	}
}

// pick is the next probe to send and when it may leave, nil if there is none:
// round after round of all hops that are of interest.
func (t *tracer) pick() (q *query, at time.Duration) {
	if len(t.again) > 0 {
		return t.again[0], 0
	}
	for round := range t.cfg.Queries {
		for _, queries := range t.grid[:t.promising(round)] {
			if q := queries[round]; q.sent == nil && !q.ended {
				if round > 0 {
					at = t.secondRound()
				}
				return q, at
			}
		}
	}
	return nil, 0
}

// secondRound is when the probes after the first of each hop may leave: as soon
// as the length of the way is known, or when it could be, so that the target is
// not flooded with SYNs that tell nothing.
func (t *tracer) secondRound() time.Duration {
	switch {
	case t.end.ttl > 0:
		return 0
	case t.end.routers > 0:
		return t.firstRound + max(2*t.longest, quickest)
	}
	return t.firstRound + t.cfg.Timeout/4
}

// promising is the highest TTL that is worth a probe in a round: behind the
// last router that answered, and behind an ICMP error, a few that may have lost
// the packet.
func (t *tracer) promising(round int) int {
	switch {
	case t.end.proved():
		return t.end.ttl
	case t.end.ttl > 0:
		return min(t.end.ttl+beyond, t.cfg.MaxHops)
	case round == 0:
		return t.cfg.MaxHops
	}
	return min(t.end.routers+beyond, t.cfg.MaxHops)
}

// transmit sends one probe.
func (t *tracer) transmit(s *wire.Transmission, port uint16) error {
	return transmit(&t.Loop, t.route, t.cfg, s, port)
}

// transmit sends one SYN of a run.
func transmit(x *wire.Loop, route netraw.Route, cfg *Config, s *wire.Transmission, port uint16) error {
	s.Src, s.Dst = netip.AddrPortFrom(route.Source, port), cfg.Target
	if s.Dst.Addr().Zone() != "" {
		s.Link = route.IfIndex
	}
	id := x.Table.Next()
	s.Numbers = x.Matcher.Cookie.Numbers(s.Src, s.Dst, id)
	// One after the other from a random start, so that each is different.
	s.IPID = x.Matcher.Cookie.Numbers(s.Src, s.Dst, -1).IPID() + uint16(id)
	x.Table.Add(s)
	x.Packets.Clear()
	x.Packets.AddTransmission(s, x.Now)
	s.Wire = append([]byte(nil), x.Packets.Batch[0]...)
	x.Reading = x.Clocks.Read()
	s.Tx.Sent, s.Handed = x.Now, x.Reading
	_, err := wire.SendOn(x.Network, x.Packets.Batch, []int{s.Link})
	s.Back = x.Clocks.Read().Wall
	x.Packets.Clear()
	x.Pace.Spend(1)
	s.Ended, s.Closed = err != nil, err != nil
	return err
}

// refused lets a probe that the kernel did not take wait for another try. What
// it never takes is left out; where that is the first, so is the whole way.
func (t *tracer) refused(q *query, s *wire.Transmission, err error) {
	t.outage.Note(err, t.Now)
	if t.outage.Certain(t.Now) {
		t.Fail(t.outage.Error())
		return
	}
	if wait, again := wire.Backoff(err, q.refused); again {
		q.refused++
		t.again = append([]*query{q}, t.again...)
		t.next = t.Now + wait
		return
	}
	q.ended = true
	t.Counters.Refusal = err
	if t.Counters.Sent == 0 {
		v := wire.Unsendable(t.cfg.Target, err)
		t.unsendable = &v
	}
}
