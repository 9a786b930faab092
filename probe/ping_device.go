package probe

import (
	"time"

	"synscope/netraw"
)

// devicePatience is how long after its answer the device's stamp of a departure
// is waited for. Drivers fetch it from a register when they are told to, or look
// now and then: linuxptp's own patience is 10 ms, and up to 100 for slow ones.
const devicePatience = 100 * time.Millisecond

// device is what is known of a transmission by the clock of the interface.
type device struct {
	left, arrived time.Time
	took          time.Duration // from handing over to reading the answer, by the monotonic clock
	sample        *Sample       // what it is without left; nil: does not wait for it
	until         time.Duration // when it is waited for no more
}

// late are the answered transmissions that wait, the earliest first.
type late struct{ list []*shot }

// waiting is the first that still waits, nil if none.
func (l *late) waiting() *shot {
	for len(l.list) > 0 {
		if l.list[0].device.sample != nil {
			return l.list[0]
		}
		l.list = l.list[1:]
	}
	return nil
}

// left takes note of a departure by the device's clock.
func (p *pinger) left(s *shot, at time.Time) {
	s.device.left = at
	if s.device.sample != nil {
		p.settle(s)
	}
}

// byDevice tells whether an answer has a stamp that may be compared with that
// of the departure.
func (p *pinger) byDevice(s *shot, t *pinged, ev *event) bool {
	return !s.errand && !ev.device.IsZero() && ev.link == t.route.IfIndex
}

// awaitDevice ends a transmission once both stamps of the device are there.
func (p *pinger) awaitDevice(s *shot, sample *Sample, arrived time.Time) {
	s.ended = true
	s.device.arrived, s.device.took = arrived, p.now-s.tx.sent
	s.device.sample, s.device.until = sample, p.now+devicePatience
	if !s.device.left.IsZero() {
		p.settle(s)
		return
	}
	p.late.list = append(p.late.list, s)
}

// settle reports a transmission that has waited, with what has come by now.
func (p *pinger) settle(s *shot) {
	sample := s.device.sample
	s.device.sample = nil
	if rtt, ok := s.device.rtt(sample); ok {
		sample.RTT, sample.Clock, sample.Device = rtt, netraw.ClockKernel, true
		if sample.Doubt == DoubtClockStep {
			sample.Doubt = DoubtNone // it was another clock that was set
		}
	}
	p.end(s, sample)
}

// rtt is the time between the device's two stamps; false where there are not
// two, or one is of a clock that was set in between: the way between the stamps
// of the kernel holds that between those of the device, and what the program
// saw holds both. A thousandth is for clocks of different rates.
func (d *device) rtt(software *Sample) (time.Duration, bool) {
	most := d.took
	if software.Clock == netraw.ClockKernel && software.RTT > 0 {
		most = software.RTT
	}
	rtt := d.arrived.Sub(d.left)
	return rtt, !d.left.IsZero() && rtt > 0 && rtt <= most+most/1000+time.Microsecond
}
