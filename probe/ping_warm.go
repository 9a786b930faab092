package probe

import (
	"net/netip"
	"time"
)

const (
	// warmLimit bounds the wait for neighbours before the first probe.
	warmLimit = time.Second
	// warmAnswer is how long an errand that has left may take to be answered;
	// until then the neighbour may still be looking for us.
	warmAnswer = 100 * time.Millisecond
	// warmLook is how often the errands are looked at.
	warmLook = 10 * time.Millisecond
)

// sendErrands sends one SYN towards every next hop, so that the kernel resolves
// the neighbour's address, and the neighbour ours, before anything is timed.
func (p *pinger) sendErrands() {
	hops := map[netip.Addr]bool{}
	for index, t := range p.targets {
		if !t.dst.IsValid() {
			continue
		}
		p.lookUp(t)
		if hop := t.nextHop(); t.err == nil && !t.route.Local && !hops[hop] {
			hops[hop] = true
			p.shoot(t, &shot{index: index, errand: true}, p.matcher.ports[len(p.matcher.ports)-1])
		}
		if len(p.batch) == batchSize {
			p.flush()
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
	if p.now < p.patience() && !p.warmed() {
		return false
	}
	p.begun, p.origin = true, p.now
	return true
}

// warmed tells whether every errand was answered, or has left this machine
// long enough ago.
func (p *pinger) warmed() bool {
	for _, s := range p.table.list {
		left := s.tx.left != 0 && p.now-s.tx.sent > warmAnswer
		if s.errand && !s.ended && !left {
			return false
		}
	}
	return true
}

// patience is when the schedule starts at the latest.
func (p *pinger) patience() time.Duration { return min(warmLimit, p.cfg.Timeout) }
