package ping

import (
	"fmt"
	"net/netip"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

const (
	// oversleep is how late a probe may be sent. What is later than that, after
	// the machine slept, is skipped and reported so.
	oversleep = 10 * time.Second
	// burst is how much of the schedule may leave at once where several probes
	// are late.
	burst = 2 * time.Millisecond
)

// catchUp lets probes that are late leave at twice the pace of the schedule, until
// that is caught up with.
type catchUp struct {
	gap, ahead time.Duration
	ready      time.Duration // when the next may leave
}

func (c *Config) catchUp() catchUp {
	spacing := c.Interval / time.Duration(len(c.Targets))
	gap := spacing / 2
	return catchUp{gap: gap, ahead: max(burst/max(spacing, 1)-1, 0) * gap}
}

// spend books a probe that leaves.
func (c *catchUp) spend(now time.Duration) { c.ready = max(c.ready, now-c.ahead) + c.gap }

// back takes the booking of a probe back that did not leave.
func (c *catchUp) back() { c.ready -= c.gap }

// departed corrects the booking of n probes that left only now: the call took
// long, or the process was stopped in it.
func (c *catchUp) departed(n int, now time.Duration) {
	if n > 0 {
		c.ready = max(c.ready, now-c.ahead+time.Duration(n)*c.gap)
	}
}

// onSchedule tells whether a transmission is the first of a probe: what follows
// an answer at once is not booked.
func onSchedule(s *wire.Transmission) bool { return !s.WarmUp && s.Attempt == 1 }

// dueAt is when the probe of a slot is to be sent, since the start of the
// schedule: slots go round the targets, which share an interval evenly. It is
// computed from the start, not from the probe before, so that no lateness adds
// up.
func (c *Config) dueAt(slot uint64) time.Duration {
	n := uint64(len(c.Targets))
	return time.Duration(slot/n)*c.Interval + time.Duration(slot%n)*c.Interval/time.Duration(n)
}

func (p *pinger) dueAt(slot uint64) time.Duration { return p.origin + p.cfg.dueAt(slot) }

// fill sends every probe whose time has come. After a pause of this process it
// first reads what has arrived, so that ports are free whose probes were
// answered.
func (p *pinger) fill(r *wire.Receiver) {
	if p.Stopping {
		p.dropRefused()
	}
	if p.Stopping || !p.begin() {
		p.Respond()
		return
	}
	if at, ok := p.nextProbe(); ok && p.Now-at > burst {
		p.CatchUp(r)
	}
	for len(p.batch) < wire.BatchSize && p.Failure == nil && p.mayLeave() && p.sendOne() {
	}
	p.flush()
}

// sendOne sends the probe of the current slot, or, in turns with those, one that
// the kernel refused before; false where neither is due.
func (p *pinger) sendOne() bool {
	p.anew = !p.anew
	return p.sendKind(p.anew) || p.sendKind(!p.anew)
}

func (p *pinger) sendKind(anew bool) bool {
	if anew {
		s := p.refused.take(p.Now)
		if s != nil {
			p.sendAnew(s)
		}
		return s != nil
	}
	if p.exhausted() || p.dueAt(p.slot) > p.Now {
		return false
	}
	p.takeSlot()
	p.slot++
	return true
}

// takeSlot sends the probe of the current slot, or says why not.
func (p *pinger) takeSlot() {
	due, n := p.dueAt(p.slot), uint64(len(p.targets))
	s := &wire.Transmission{Index: int(p.slot % n), N: p.slot/n + 1, Attempt: 1, Due: due - p.origin}
	t := p.targets[s.Index]
	if !t.dst.IsValid() {
		return
	}
	if p.Now-due > oversleep {
		p.withhold(s, probe.ReasonSendFailed, probe.DoubtSkipped, nil)
		return
	}
	p.send(t, s)
}

// send sends a probe, where there is a way to its target.
func (p *pinger) send(t *pinged, s *wire.Transmission) {
	if p.Now < t.held {
		s.Dst = t.dst
		p.unsent(s, t.heldBack)
		return
	}
	p.lookUp(t)
	switch {
	case t.err == nil && t.route.Broadcast:
		p.withhold(s, wire.ReasonNotAHost(t.dst.Addr()), probe.DoubtNone, t.route.NotAHost(t.dst.Addr()))
	case t.err == nil:
		p.transmit(t, s, p.choosePort(t, 0))
	case t.used: // there was a route before
		s.Dst = t.dst
		p.unsent(s, fmt.Errorf("%w (%w)", t.err, wire.ErrRouteGone))
	default:
		p.withhold(s, probe.ReasonNoRoute, probe.DoubtNone, t.err)
	}
}

// withhold reports a probe that is not sent.
func (p *pinger) withhold(s *wire.Transmission, why probe.Reason, doubt probe.Doubt, err error) {
	s.Dst = p.targets[s.Index].dst
	sample := p.sample(s)
	sample.Reason, sample.Doubt, sample.Err = why, doubt, err
	p.deliver(sample)
}

// lookUp asks the kernel for a target's route, if that was long ago.
func (p *pinger) lookUp(t *pinged) {
	if t.known && t.err == nil && p.Now-t.asked < routeAge {
		return
	}
	t.route, t.err = p.Network.Route(t.dst.Addr())
	t.known, t.asked = true, p.Now
	if t.err != nil {
		p.Counters.NoRoute(t.err)
	}
}

// choosePort picks the source port of the next probe, another than not where
// there is another. A varied flow takes them in turn; a fixed one stays on the
// first that no unanswered probe occupies. A probe older than what the round-trip
// times make believe is taken for lost: its port is used where no other is free.
func (p *pinger) choosePort(t *pinged, not uint16) (port uint16) {
	ports := p.Matcher.Ports
	if p.cfg.Flow == probe.FlowVary {
		t.round++
		return ports[(t.round-1)%len(ports)]
	}
	longest := time.Duration(-1)
	for _, candidate := range ports {
		if candidate == not && len(ports) > 1 {
			continue
		}
		s := p.Table.Latest(netip.AddrPortFrom(t.route.Source, candidate), t.dst)
		if s == nil {
			return candidate
		}
		if since := p.Now - s.Tx.Sent; since > longest {
			port, longest = candidate, since
		}
	}
	return port
}

// transmit puts a transmission into the batch. Where one before it on the same
// port was not answered, or not yet, exact RSTs go first: the far end then
// takes the new SYN for what it is in place of challenging it (RFC 5961 §4).
func (p *pinger) transmit(t *pinged, s *wire.Transmission, port uint16) {
	p.absence.use(t)
	source := wire.RouteFlow(p.Network, t.route, port, t.dst).Source
	s.Src, s.Dst, s.Small = netip.AddrPortFrom(source, port), t.dst, t.small
	if t.dst.Addr().Zone() != "" {
		s.Link = t.route.IfIndex
	}
	p.Table.Close(&p.Responses, s.Src, s.Dst)
	p.salt++
	s.Numbers = p.Matcher.Cookie.Numbers(s.Src, s.Dst, int(p.salt))
	s.IPID, s.Tx.Sent = s.Numbers.IPID(), p.Now
	p.Table.Add(s)
	p.batch = append(p.batch, s)
	p.Pace.Spend(1)
	if onSchedule(s) {
		p.lag.spend(p.Now)
	}
}

// probing tells whether a probe is due, that the rate alone keeps back.
func (p *pinger) probing() bool {
	if p.Stopping || !p.begun || p.Now < p.lag.ready {
		return false
	}
	again, refused := p.refused.next()
	return refused && again <= p.Now || !p.exhausted() && p.dueAt(p.slot) <= p.Now
}

// mayLeave tells whether a probe may leave now.
func (p *pinger) mayLeave() bool {
	return p.Now >= p.lag.ready && p.Pace.Allowance(p.Now, 1) > 0
}

// flush sends the batch, after the RSTs that make room for it. A packet that
// the kernel refuses costs only itself.
func (p *pinger) flush() {
	if len(p.batch) == 0 {
		p.Respond()
		return
	}
	for _, s := range p.batch {
		p.RespondBefore(s)
	}
	p.Packets.Clear()
	links := make([]int, len(p.batch))
	for i, s := range p.batch {
		p.Packets.AddTransmission(s, p.Now)
		links[i] = s.Link
	}
	p.Reading = p.Clocks.Read()
	errs := make([]error, len(p.batch))
	wire.SendAll(p.Network, p.Packets.Batch, links, func(i int, err error) { errs[i] = err })
	back := p.Clocks.Read()
	p.Packets.Clear()
	batch := p.batch
	p.batch = nil
	p.Pace.Departed(len(batch), back.Now)
	p.handOver(batch, errs, back)
}

// handOver takes note of what left and of what did not; back is when that call
// returned.
func (p *pinger) handOver(batch []*wire.Transmission, errs []error, back wire.Reading) {
	booked := 0
	for i, s := range batch {
		if errs[i] != nil {
			if onSchedule(s) {
				p.lag.back()
			}
			p.refuse(s, errs[i])
			continue
		}
		p.handedOver(s, back.Wall)
		if onSchedule(s) {
			booked++
		}
	}
	p.lag.departed(booked, back.Now)
}

// handedOver starts the clock of a transmission; back is when Send returned.
func (p *pinger) handedOver(s *wire.Transmission, back time.Time) {
	t := p.targets[s.Index]
	s.Tx.Sent, s.Handed, s.Back = p.Now, p.Reading, back
	s.Until = s.Tx.Sent + p.cfg.Timeout
	p.air.push(s.Until, s)
	p.kept.Push(s)
	p.noteFirst(t, s)
	p.absence.left(t)
	t.walled, t.left = false, p.Now
	p.Counters.Departed(s.Attempt-1, p.Now)
}
