package simnet

import (
	"testing"
	"time"

	"synscope/craft"
)

func TestISNGenerators(t *testing.T) {
	now := time.Unix(1_000_000_020, 0) // 20 s before a minute ends
	base := craft.Segment{Src: addrPort("192.0.2.1:40000"), Dst: addrPort(target4), Seq: 100}
	port := base
	port.Src = addrPort("192.0.2.1:40001")
	ours := base
	ours.Seq = 5100

	tests := []struct {
		name                     string
		gen                      ISN
		second, otherPort, ourX5 uint32 // change after 1 s, with a port, with our ISN; random where 1
	}{
		{"linux clock", ClockISN(1, LinuxClock), LinuxClock, 1, 0},
		{"slow clock", ClockISN(1, 250), 250, 1, 0},
		{"constant", ConstantISN(7), 0, 0, 0},
		{"cookie", CookieISN(1), 0, 1, 5000},
	}
	for _, tt := range tests {
		first := tt.gen(now, &base)
		check := func(what string, got craft.Seq, want uint32) {
			t.Helper()
			d := uint32(got.Sub(first))
			if want == 1 && d < 1000 || want != 1 && d != want {
				t.Errorf("%s: %s moves the ISN by %d, want %d", tt.name, what, d, want)
			}
		}
		check("a second", tt.gen(now.Add(time.Second), &base), tt.second)
		check("a port", tt.gen(now, &port), tt.otherPort)
		check("our ISN", tt.gen(now, &ours), tt.ourX5)
		check("nothing", tt.gen(now, &base), 0)
	}
	step := StepISN(64_000)
	if d := -step(now, &base).Sub(step(now, &port)); d != 64_000 {
		t.Errorf("step: %d", d)
	}
	if a, b := CookieISN(1)(now, &base), CookieISN(1)(now.Add(time.Minute), &base); a == b {
		t.Error("a cookie outlives its minute")
	}
}

// A clock keeps its rate over hours, fractions of a tick included.
func TestTicksAreExact(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	for _, hz := range []float64{LinuxClock, 7_812_500, 250} {
		for _, d := range []time.Duration{64 * time.Nanosecond, 4 * time.Millisecond, 3 * time.Hour} {
			want := uint32(uint64(d.Seconds()*hz + 1e-6))
			if got := uint32(ticks(start.Add(d), hz).Sub(ticks(start, hz))); got != want {
				t.Errorf("%v at %v Hz: %d ticks, want %d", d, hz, got, want)
			}
		}
	}
}
