package ping

import (
	"net/netip"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// oversleep is how late a probe may be sent. What is later than that, after
// the machine slept, is skipped and reported so.
const oversleep = time.Second

// dueAt is when the probe of a slot is to be sent, since the start of the
// schedule: slots go round the targets, which share an interval evenly. It is
// computed from the start, not from the probe before, so that no lateness adds
// up.
func (c *Config) dueAt(slot uint64) time.Duration {
	n := uint64(len(c.Targets))
	return time.Duration(slot/n)*c.Interval + time.Duration(slot%n)*c.Interval/time.Duration(n)
}

func (p *pinger) dueAt(slot uint64) time.Duration { return p.origin + p.cfg.dueAt(slot) }

// fill sends every probe whose time has come.
func (p *pinger) fill() {
	if p.Stopping || !p.begin() {
		p.SendResets()
		return
	}
	for !p.exhausted() && p.Failure == nil && p.dueAt(p.slot) <= p.Now {
		p.takeSlot()
		p.slot++
		if len(p.batch) == wire.BatchSize {
			break
		}
	}
	p.flush()
}

// takeSlot sends the probe of the current slot, or says why not.
func (p *pinger) takeSlot() {
	due, n := p.dueAt(p.slot), uint64(len(p.targets))
	s := &wire.Transmission{Index: int(p.slot % n), N: p.slot/n + 1, Attempt: 1, Due: due - p.origin}
	t := p.targets[s.Index]
	if !t.dst.IsValid() {
		return
	}
	p.lookUp(t)
	switch {
	case p.Now-due > oversleep:
		p.withhold(s, probe.ReasonSendFailed, probe.DoubtSkipped, nil)
	case t.err != nil:
		p.withhold(s, probe.ReasonNoRoute, probe.DoubtNone, t.err)
	default:
		p.shoot(t, s, p.choosePort(t))
	}
}

// withhold reports a probe that is not sent.
func (p *pinger) withhold(s *wire.Transmission, why probe.Reason, doubt probe.Doubt, err error) {
	s.Dst = p.targets[s.Index].dst
	sample := p.sample(s)
	sample.Reason, sample.Doubt, sample.Err = why, doubt, err
	sample.Sent = p.Wall
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
		p.Counters.Unroutable = t.err
	}
}

// choosePort picks the source port of the next probe. A fixed flow stays on
// the first port that no unanswered probe occupies, a varied one takes them in
// turn. A probe older than what the round-trip times make believe is taken for
// lost, and its port for free.
func (p *pinger) choosePort(t *pinged) uint16 {
	ports := p.Matcher.Ports
	if p.cfg.Flow == probe.FlowFixed {
		for _, port := range ports {
			s := p.Table.Latest(netip.AddrPortFrom(t.route.Source, port), t.dst)
			if s == nil || p.Now-s.Tx.Sent > t.rto.Rto(0, p.cfg.Timeout) {
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
func (p *pinger) shoot(t *pinged, s *wire.Transmission, port uint16) {
	s.Src, s.Dst = netip.AddrPortFrom(t.route.Source, port), t.dst
	p.Resets = p.Table.Closings(p.Resets, s.Src, s.Dst)
	p.salt++
	s.Numbers = p.Matcher.Cookie.Numbers(s.Src, s.Dst, int(p.salt))
	s.Ipid, s.Tx.Sent = s.Numbers.IpID(), p.Now
	p.Table.Add(s)
	p.batch = append(p.batch, s)
}

// flush sends the batch, after the RSTs that make room for it. A packet that
// the kernel refuses costs only itself.
func (p *pinger) flush() {
	p.SendResets()
	for batch := p.batch; len(batch) > 0; {
		p.Packets.Clear()
		for _, s := range batch {
			p.Packets.AddShot(s, p.Now)
		}
		p.Reading = p.Clocks.Read()
		n, err := p.Network.Send(p.Packets.Batch)
		back := p.Clocks.Read().Wall
		for _, s := range batch[:n] {
			p.handedOver(s, back)
		}
		if batch = batch[n:]; len(batch) > 0 {
			p.refused(batch[0], err)
			batch = batch[1:]
		}
	}
	p.batch = p.batch[:0]
	p.Packets.Clear()
}

// handedOver starts the clock of a transmission; back is when Send returned.
func (p *pinger) handedOver(s *wire.Transmission, back time.Time) {
	s.Tx.Sent, s.Handed, s.Back = p.Now, p.Reading, back
	p.Flying.Push(s)
	p.kept.Push(s)
	if !s.Errand {
		p.Counters.Departed(s.Attempt-1, p.Now)
	}
}

// refused ends a probe that the kernel did not take, and has its route looked
// up again before the next.
func (p *pinger) refused(s *wire.Transmission, err error) {
	s.Ended = true
	p.kept.Push(s)
	p.targets[s.Index].known = false
	if s.Errand {
		return
	}
	v := wire.Unsendable(s.Dst, err)
	sample := p.sample(s)
	sample.State, sample.Reason, sample.Err, sample.Sent = v.State, v.Reason, v.Err, p.Wall
	p.deliver(sample)
}
