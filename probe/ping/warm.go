package ping

import (
	"net/netip"
	"time"

	"synscope/probe/internal/wire"
)

const (
	// warmLimit bounds the wait for neighbours before the first probe.
	warmLimit = time.Second
	// warmAnswer is how long a warm-up probe that has left may take to be answered;
	// until then the neighbour may still be looking for us.
	warmAnswer = 100 * time.Millisecond
	// warmLook is how often the warm-up probes are looked at.
	warmLook = 10 * time.Millisecond
	// warmMost is how many next hops are warmed up: more at once would be a flood
	// of a link, and of the kernel's table of neighbours. The first times of the
	// others are marked where the kernel held the packet back.
	warmMost = 64
)

// sendWarmUps sends one SYN towards the first next hops, so that the kernel
// resolves the neighbour's address, and the neighbour ours, before anything is
// timed.
func (p *pinger) sendWarmUps() {
	hops := map[netip.Addr]bool{}
	for index, t := range p.targets {
		if len(hops) == warmMost {
			break
		}
		if !t.dst.IsValid() {
			continue
		}
		p.lookUp(t)
		if hop := t.nextHop(); t.err == nil && !t.route.Local && !t.route.Broadcast && !hops[hop] {
			hops[hop] = true
			p.transmit(t, &wire.Transmission{Index: index, WarmUp: true}, p.Matcher.Ports[len(p.Matcher.Ports)-1])
		}
	}
	p.flush()
}

// nextHop is the neighbour that packets to the target are given to.
func (t *pinged) nextHop() netip.Addr {
	if t.route.NextHop.IsValid() {
		return t.route.NextHop
	}
	return t.dst.Addr()
}

// begin tells whether probes may leave, and starts the schedule once they may.
func (p *pinger) begin() bool {
	if p.begun {
		return true
	}
	if p.Now < min(warmLimit, p.cfg.Timeout) && !p.warmed() {
		return false
	}
	p.begun, p.origin, p.warmUps = true, p.Now, p.Counters.Sent
	for _, s := range p.Table.List {
		if s.Answered {
			p.warm[p.targets[s.Index].nextHop()] = true
		}
	}
	return true
}

// warmed tells whether every warm-up probe was answered, or has left this machine
// long enough ago.
func (p *pinger) warmed() bool {
	for _, s := range p.Table.List {
		left := s.Tx.Left != 0 && p.Now-s.Tx.Sent > warmAnswer
		if s.WarmUp && !s.Ended && !left {
			return false
		}
	}
	return true
}
