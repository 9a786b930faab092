package ping

import (
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// devicePatience is how long after its answer the device's stamp of a departure
// is waited for. Drivers fetch it from a register when they are told to, or look
// now and then: linuxptp's own patience is 10 ms, and up to 100 for slow ones.
const devicePatience = 100 * time.Millisecond

// device is what is known of a transmission by the clock of the interface.
type device struct {
	of            *wire.Transmission
	left, arrived time.Time
	took          time.Duration // from handing over to reading the answer, by the monotonic clock
	read          time.Duration // when that was
	sample        *Sample       // what it is without left; nil: does not wait for it
	until         time.Duration // when it is waited for no more
}

// late are the answered transmissions that wait, the earliest first.
type late struct{ list []*device }

// waiting is the first that still waits, nil if none.
func (l *late) waiting() *device {
	for len(l.list) > 0 {
		if l.list[0].sample != nil {
			return l.list[0]
		}
		l.list = l.list[1:]
	}
	return nil
}

// device is what is known of a transmission by the device's clock.
func (p *pinger) device(s *wire.Transmission) *device {
	d := p.devices[s.ID]
	if d == nil {
		d = &device{of: s}
		p.devices[s.ID] = d
	}
	return d
}

// left takes note of a departure by the device's clock.
func (p *pinger) left(s *wire.Transmission, at time.Time) {
	d := p.device(s)
	d.left = at
	if d.sample != nil {
		p.settle(d)
	}
}

// byDevice tells whether an answer has a stamp that may be compared with that
// of the departure.
func (p *pinger) byDevice(s *wire.Transmission, t *pinged, ev *wire.Event) bool {
	return !s.WarmUp && !ev.Device.IsZero() && ev.Link == t.route.IfIndex
}

// arrived takes note of an answer by the device's clock.
func (p *pinger) arrived(s *wire.Transmission, at time.Time) {
	d := p.device(s)
	d.arrived, d.took, d.read = at, p.Now-s.Tx.Sent, p.Now
}

// awaitDevice reports an answered transmission once both stamps of the device
// are there.
func (p *pinger) awaitDevice(d *device, sample *Sample) {
	d.sample, d.until = sample, d.read+devicePatience
	if !d.left.IsZero() || p.Now >= d.until {
		p.settle(d)
		return
	}
	p.late.list = append(p.late.list, d)
}

// settle reports a transmission that has waited, with what has come by now.
func (p *pinger) settle(d *device) {
	sample := d.sample
	d.sample = nil
	if rtt, ok := d.rtt(sample); ok {
		sample.RTT, sample.Clock, sample.Device = rtt, netraw.ClockKernel, true
		if sample.Doubt == probe.DoubtClockStep {
			sample.Doubt = probe.DoubtNone // it was another clock that was set
		}
	}
	p.end(d.of, sample)
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
