package probe

import (
	"net/netip"
	"time"
)

// oversleep is how late a probe may be sent. What is later than that, after
// the machine slept, is skipped and reported so.
const oversleep = time.Second

// dueAt is when the probe of a slot is to be sent, since the start of the
// schedule: slots go round the targets, which share an interval evenly. It is
// computed from the start, not from the probe before, so that no lateness adds
// up.
func (c *PingConfig) dueAt(slot uint64) time.Duration {
	n := uint64(len(c.Targets))
	return time.Duration(slot/n)*c.Interval + time.Duration(slot%n)*c.Interval/time.Duration(n)
}

func (p *pinger) dueAt(slot uint64) time.Duration { return p.origin + p.cfg.dueAt(slot) }

// fill sends every probe whose time has come.
func (p *pinger) fill() {
	if p.stopping || !p.begin() {
		p.sendResets()
		return
	}
	for !p.exhausted() && p.failure == nil && p.dueAt(p.slot) <= p.now {
		p.takeSlot()
		p.slot++
		if len(p.batch) == batchSize {
			break
		}
	}
	p.flush()
}

// takeSlot sends the probe of the current slot, or says why not.
func (p *pinger) takeSlot() {
	due, n := p.dueAt(p.slot), uint64(len(p.targets))
	s := &shot{index: int(p.slot % n), n: p.slot/n + 1, attempt: 1, due: due - p.origin}
	t := p.targets[s.index]
	if !t.dst.IsValid() {
		return
	}
	p.lookUp(t)
	switch {
	case p.now-due > oversleep:
		p.withhold(s, ReasonSendFailed, DoubtSkipped, nil)
	case t.err != nil:
		p.withhold(s, ReasonNoRoute, DoubtNone, t.err)
	default:
		p.shoot(t, s, p.choosePort(t))
	}
}

// withhold reports a probe that is not sent.
func (p *pinger) withhold(s *shot, why Reason, doubt Doubt, err error) {
	s.dst = p.targets[s.index].dst
	sample := p.sample(s)
	sample.Reason, sample.Doubt, sample.Err = why, doubt, err
	sample.Sent = p.wall
	p.deliver(sample)
}

// lookUp asks the kernel for a target's route, if that was long ago.
func (p *pinger) lookUp(t *pinged) {
	if t.known && t.err == nil && p.now-t.asked < routeAge {
		return
	}
	t.route, t.err = p.network.Route(t.dst.Addr())
	t.known, t.asked = true, p.now
	if t.err != nil {
		p.counters.unroutable = t.err
	}
}

// choosePort picks the source port of the next probe. A fixed flow stays on
// the first port that no unanswered probe occupies, a varied one takes them in
// turn. A probe older than what the round-trip times make believe is taken for
// lost, and its port for free.
func (p *pinger) choosePort(t *pinged) uint16 {
	ports := p.matcher.ports
	if p.cfg.Flow == FlowFixed {
		for _, port := range ports {
			s := p.table.latest(netip.AddrPortFrom(t.route.Source, port), t.dst)
			if s == nil || p.now-s.tx.sent > t.rto.rto(0, p.cfg.Timeout) {
				return port
			}
		}
	}
	t.round++
	return ports[(t.round-1)%len(ports)]
}

// shoot puts a transmission into the batch. Where the one before it on the same
// port was not answered, or not yet, exact RSTs go first: the far end then
// takes the new SYN for what it is in place of challenging it (RFC 5961 §4).
func (p *pinger) shoot(t *pinged, s *shot, port uint16) {
	s.src, s.dst = netip.AddrPortFrom(t.route.Source, port), t.dst
	p.resets = p.table.closings(p.resets, s.src, s.dst)
	p.salt++
	s.numbers = p.matcher.cookie.numbers(s.src, s.dst, int(p.salt))
	s.ipid, s.tx.sent = s.numbers.ipID(), p.now
	p.table.add(s)
	p.batch = append(p.batch, s)
}

// flush sends the batch, after the RSTs that make room for it. A packet that
// the kernel refuses costs only itself.
func (p *pinger) flush() {
	p.sendResets()
	for batch := p.batch; len(batch) > 0; {
		p.packets.clear()
		for _, s := range batch {
			p.packets.addShot(s, p.now)
		}
		p.reading = p.clocks.read()
		n, err := p.network.Send(p.packets.batch)
		back := p.clocks.read().wall
		for _, s := range batch[:n] {
			p.handedOver(s, back)
		}
		if batch = batch[n:]; len(batch) > 0 {
			p.refused(batch[0], err)
			batch = batch[1:]
		}
	}
	p.batch = p.batch[:0]
	p.packets.clear()
}

// handedOver starts the clock of a transmission; back is when Send returned.
func (p *pinger) handedOver(s *shot, back time.Time) {
	s.tx.sent, s.handed, s.back = p.now, p.reading, back
	p.flying.push(s)
	p.kept.push(s)
	if !s.errand {
		p.counters.sent(s.attempt-1, p.now)
	}
}

// refused ends a probe that the kernel did not take, and has its route looked
// up again before the next.
func (p *pinger) refused(s *shot, err error) {
	s.ended = true
	p.kept.push(s)
	p.targets[s.index].known = false
	if s.errand {
		return
	}
	v := unsendable(s.dst, err)
	sample := p.sample(s)
	sample.State, sample.Reason, sample.Err, sample.Sent = v.State, v.Reason, v.Err, p.wall
	p.deliver(sample)
}
