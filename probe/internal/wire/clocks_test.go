package wire

import (
	"testing"
	"time"

	"synscope/netraw"
	"synscope/probe"
)

// Between handing a probe over and its answer, the wall clock may run from the
// raw one as far as NTP's slewing takes it, for as long as that lasts.
func TestSlewingIsNoStep(t *testing.T) {
	const ppm = 1e-6
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(raw time.Duration, rate float64, step time.Duration) Reading {
		return Reading{raw: raw, Wall: start.Add(raw + time.Duration(rate*float64(raw)) + step)}
	}
	for _, tc := range []struct {
		name string
		rate float64 // of the wall clock, beyond the raw one's
		rtt  time.Duration
		step time.Duration
		want bool
	}{
		{name: "as fast as NTP may, near host", rate: 500 * ppm, rtt: time.Millisecond},
		{name: "as fast as NTP may, far host", rate: 500 * ppm, rtt: time.Second},
		{name: "as slow as NTP may, far host", rate: -500 * ppm, rtt: time.Second},
		{name: "as fast as NTP may, for an hour", rate: 500 * ppm, rtt: time.Hour},
		{name: "with adjtime beside it", rate: 990 * ppm, rtt: time.Second},
		{name: "a step under slewing", rate: 500 * ppm, rtt: 20 * time.Millisecond, step: 200 * time.Microsecond, want: true},
		{name: "a step back under slewing", rate: 500 * ppm, rtt: 20 * time.Millisecond, step: -200 * time.Microsecond, want: true},
		{name: "a step within a long wait", rate: -500 * ppm, rtt: time.Second, step: 2 * time.Millisecond, want: true},
		{name: "a tick made longer by a twelfth", rate: 0.083, rtt: 20 * time.Millisecond, want: true},
	} {
		sent := at(3*time.Minute, tc.rate, 0)
		if got := sent.Stepped(at(3*time.Minute+tc.rtt, tc.rate, tc.step)); got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
	}
}

// ownClock stands in for a network with a raw clock of the test's.
type ownClock struct {
	probe.Network
	raw func() time.Duration
}

func (c ownClock) MonotonicRaw() time.Duration { return c.raw() }

// A reading is of the raw clock that the network has, from where it stood when
// the run began.
func TestClocksReadTheRawClock(t *testing.T) {
	raw := 5 * time.Hour
	c := NewClocks(ownClock{raw: func() time.Duration { return raw }})
	first := c.Read()
	raw += 3 * time.Second
	if second := c.Read(); first.raw != 0 || second.raw != 3*time.Second {
		t.Errorf("read %v, then %v", first.raw, second.raw)
	} else if !first.Stepped(second) {
		t.Error("the wall clock stood still for three seconds, and nothing was noticed")
	}
}

// The clocks of this machine, read again and again, show no step where there
// is none.
func TestClocksStandStill(t *testing.T) {
	c := NewClocks(new(netraw.Conn))
	first := c.Read()
	for range 1000 {
		if r := c.Read(); first.Stepped(r) {
			t.Fatalf("the wall clock went on by %v, the raw one by %v", r.Wall.Sub(first.Wall), r.raw-first.raw)
		}
	}
	if c.Read().raw <= first.raw {
		t.Errorf("the raw clock stands still at %v", first.raw)
	}
}
