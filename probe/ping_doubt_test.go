package probe

import (
	"testing"
	"time"

	"synscope/netraw"
)

// The device's clock is another than the one that was set; other doubts stay.
func TestDoubtByTheDevicesClock(t *testing.T) {
	left := time.Unix(100, 0)
	for doubt, want := range map[Doubt]Doubt{DoubtNone: DoubtNone, DoubtClockStep: DoubtNone, DoubtCold: DoubtCold} {
		var got *Sample
		p := &pinger{exchange: exchange{counters: newCounters(netraw.Stats{})}, sink: func(s Sample) error { got = &s; return nil }}
		p.settle(&device{of: new(shot), left: left, arrived: left.Add(time.Millisecond), took: 2 * time.Millisecond, sample: &Sample{Doubt: doubt}})
		if got == nil || got.Doubt != want || got.RTT != time.Millisecond || !got.Device {
			t.Errorf("%q: %+v, want doubt %q", doubt, got, want)
		}
	}
}
