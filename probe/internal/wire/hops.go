package wire

import (
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
)

// Hops is a loop whose SYNs all go to one target, each with a TTL of its own: what a trace, a
// watched trace and a search for all paths have in common.
type Hops struct {
	Loop
	Target netip.AddrPort
	Way    netraw.Route
	Outage Outage
	Said   Said          // of the port
	Trips  Trips         // to the target and back
	warmUp *Transmission // nil: none was sent
	routes RouteChanges
	asked  time.Duration // when the way was looked up
}

const (
	// Spacing is kept between two probes: a burst would meet the limits that routers
	// put on the errors they send (RFC 1812 §4.3.2.8, RFC 4443 §2.4).
	Spacing = 200 * time.Microsecond
	// warmUpLimit bounds the wait for the neighbour before the first probe.
	warmUpLimit = 200 * time.Millisecond
	// wayAge is how long a way is believed where nobody tells of changes.
	wayAge = time.Second
)

// NewHops asks for the way to the target. Where there is none, that is the error.
func NewHops(n probe.Network, l Look, target netip.AddrPort, rate float64) (*Hops, error) {
	loop, err := NewLoop(n, l.Complete())
	if err != nil {
		return nil, err
	}
	x := &Hops{Loop: loop, Target: target, routes: NewRouteChanges(n)}
	x.Matcher.Recall, x.Pace = Rewritten{Table: x.Table}, NewPace(rate)
	x.Departed = func(s *Transmission, ev *Event) { s.Left(ev, x.Reading) }
	x.Strayed = x.Said.noteStray
	x.Again = func(_ *Transmission, took, after time.Duration) { x.Trips.Again(took, after) }
	x.Way, err = RouteTo(n, target.Addr())
	return x, err
}

// Follow looks the way up where it may be another by now, from another address of ours, and
// tells whether it is.
func (x *Hops) Follow() (moved bool) {
	if !x.routes.Due(x.Now, RouteCost) && x.Now-x.asked < wayAge {
		return false
	}
	x.asked = x.Now
	way, err := RouteTo(x.Network, x.Target.Addr())
	if err != nil || way.NextHops > 1 && way.NextHops == x.Way.NextHops { // the kernel chooses one each time
		return false
	}
	moved = way.Source != x.Way.Source || way.IfIndex != x.Way.IfIndex || way.NextHop != x.Way.NextHop
	x.Way = way
	return moved
}

// Transmit sends one SYN, and keeps what it looks like beside it, so that what
// routers quote can be compared with it.
func (x *Hops) Transmit(s *Transmission, port uint16) error {
	s.Src, s.Dst = netip.AddrPortFrom(x.Way.Source, port), x.Target
	if s.Dst.Addr().Zone() != "" {
		s.Link = x.Way.IfIndex
	}
	s.Numbers = x.Matcher.Cookie.Numbers(s.Src, s.Dst, x.Table.Next())
	return x.hand(s)
}

// TransmitSame sends a retransmission of the same SYN.
func (x *Hops) TransmitSame(s *Transmission) error { return x.hand(s) }

// hand hands a SYN to the network.
func (x *Hops) hand(s *Transmission) error {
	x.RespondBefore(s)
	// One after the other from a random start, so that each is different.
	s.IPID = x.Matcher.Cookie.Numbers(s.Src, s.Dst, -1).IPID() + uint16(x.Table.Next())
	x.Table.Add(s)
	x.Packets.Clear()
	x.Packets.AddTransmission(s, x.Now)
	s.Wire = append([]byte(nil), x.Packets.Batch[0]...)
	x.Reading = x.Clocks.Read()
	s.Tx.Sent, s.Handed = x.Now, x.Reading
	_, err := SendOn(x.Network, x.Packets.Batch, []int{s.Link})
	back := x.Clocks.Read()
	s.Back = back.Wall
	x.Packets.Clear()
	x.Pace.Spend(1)
	x.Pace.Departed(1, back.Now)
	s.Ended, s.Closed = err != nil, err != nil
	return err
}

// WarmUp sends a SYN that dies at the first router, so that the neighbour's address
// is known before anything is timed.
func (x *Hops) WarmUp() {
	if x.Way.Local {
		return
	}
	x.warmUp = &Transmission{TTL: 1, WarmUp: true}
	if x.Transmit(x.warmUp, x.Matcher.Ports[len(x.Matcher.Ports)-1]) != nil {
		x.warmUp.Ended = true
		return
	}
	x.Counters.Departed(0, x.Now)
}

// Warming tells whether the warm-up probe is still under way.
func (x *Hops) Warming() bool {
	s := x.warmUp
	return s != nil && !s.Ended && s.Tx.Left == 0 && x.Now-s.Tx.Sent < warmUpLimit && !x.Stopping
}

// MaySend tells whether a probe may leave now.
func (x *Hops) MaySend() bool { return x.Ready() && x.Pace.Allowance(x.Now, 1) > 0 }

// Ready tells whether one may, as soon as the pace allows.
func (x *Hops) Ready() bool { return !x.Stopping && !x.Warming() && x.Failure == nil }

// WakeUp is the time until which nothing is due of what all such loops do; wake is
// until when at most.
func (x *Hops) WakeUp(wake time.Duration) time.Duration {
	if x.Warming() {
		wake = min(wake, x.Now+Spacing)
	}
	if at, ok := x.Responses.Due(); ok {
		wake = min(wake, max(x.Pace.WakeUp(), at, x.Now+Spacing))
	}
	return wake
}

// RoutersPassed is how many routers a packet has passed, if it left with one of the
// TTLs that stacks begin with: 64, 128 or 255.
func RoutersPassed(ttl uint8) int {
	for _, initial := range []int{64, 128, 255} {
		if int(ttl) <= initial {
			return initial - int(ttl)
		}
	}
	return 0
}
