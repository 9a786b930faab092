package ping

import (
	"net/netip"
	"testing"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// The device's clock is another than the one that was set; other doubts stay.
func TestDoubtByTheDevicesClock(t *testing.T) {
	left := time.Unix(100, 0)
	for doubt, want := range map[probe.Doubt]probe.Doubt{probe.DoubtNone: probe.DoubtNone, probe.DoubtClockStep: probe.DoubtNone, probe.DoubtCold: probe.DoubtCold} {
		var got *Sample
		p := &pinger{Loop: wire.Loop{Counters: wire.NewCounters(netraw.Stats{})}, sink: func(s Sample) error { got = &s; return nil }}
		p.settle(&device{of: new(wire.Transmission), left: left, arrived: left.Add(time.Millisecond), took: 2 * time.Millisecond, sample: &Sample{Doubt: doubt}})
		if got == nil || got.Doubt != want || got.RTT != time.Millisecond || !got.Device {
			t.Errorf("%q: %+v, want doubt %q", doubt, got, want)
		}
	}
}

// What casts doubt on a time, and what does not.
func TestDoubt(t *testing.T) {
	left := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name  string
		step  time.Duration // of the wall clock, between departure and answer
		held  time.Duration // from the end of Send to the departure
		clock netraw.Clock
		warm  bool // something has left towards the next hop before
		local bool
		want  probe.Doubt
	}{
		{name: "nothing", held: -time.Microsecond, clock: netraw.ClockKernel},
		{name: "inaccurate reading", step: 50 * time.Microsecond, clock: netraw.ClockKernel},
		{name: "clock set forward", step: time.Second, clock: netraw.ClockKernel, warm: true, want: probe.DoubtClockStep},
		{name: "clock set back", step: -200 * time.Microsecond, clock: netraw.ClockKernel, warm: true, want: probe.DoubtClockStep},
		{name: "queued in the interface", held: 100 * time.Microsecond, clock: netraw.ClockKernel},
		{name: "waited for the neighbour", held: 2 * time.Millisecond, clock: netraw.ClockKernel, want: probe.DoubtCold},
		{name: "no stamp, first packet", clock: netraw.ClockKernelRx, want: probe.DoubtCold},
		{name: "no stamp, neighbour known", clock: netraw.ClockKernelRx, warm: true},
		{name: "no stamp, this machine", clock: netraw.ClockUser, local: true},
	} {
		target := &pinged{route: netraw.Route{Local: tc.local}}
		p := &pinger{Loop: wire.Loop{Reading: wire.Reading{Wall: left.Add(tc.step)}}, warm: map[netip.Addr]bool{target.nextHop(): tc.warm}}
		s := &wire.Transmission{Handed: wire.Reading{Wall: left}, Back: left.Add(-tc.held), Tx: wire.Stamps{Left: left.UnixNano()}}
		if got := p.doubt(s, target, tc.clock); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
