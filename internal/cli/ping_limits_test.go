package cli

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"synscope/probe"
	"synscope/probe/ping"
	"synscope/probe/rtt"
)

// Value and limit are told in the same words, finely enough to differ.
func TestMaxRTTMessages(t *testing.T) {
	series := func(times ...time.Duration) *rtt.Series {
		s := rtt.NewSeries(rtt.Precise)
		for _, d := range times {
			s.Add(d)
		}
		return s
	}
	for _, tc := range []struct {
		bound string
		times []time.Duration
		want  string
	}{
		{"max=1us", []time.Duration{42_200}, "max is 42.2 µs, above 1.0 µs"},
		{"max=20ms", []time.Duration{20_040 * time.Microsecond}, "max is 20.04 ms, above 20.00 ms"},
		{"max=20ms", []time.Duration{20 * time.Millisecond}, ""},
		{"p95=1500us", nil, "too few times were measured, so p95 is not known to be within 1.5 ms"},
		{"jitter=1s", []time.Duration{1}, "too few times were measured, so jitter is not known to be within 1.0 s"},
		{"stddev=1s", []time.Duration{1}, "too few times were measured, so stddev is not known to be within 1.0 s"},
		{"stddev=1s", []time.Duration{1, 2}, ""},
	} {
		bound, err := parseMaxRTT(tc.bound)
		if err != nil {
			t.Fatal(err)
		}
		if got := bound.exceeded(series(tc.times...)); got != tc.want {
			t.Errorf("%s %v: %q, want %q", tc.bound, tc.times, got, tc.want)
		}
	}
}

// Probes that this machine could not send were not sent, but a bound on losses
// hears of them.
func TestUnsentProbesAreNotSent(t *testing.T) {
	target := netip.MustParseAddrPort("192.0.2.7:80")
	s := newPingSeries("", target, 1, 8)
	answered := ping.Sample{Target: target, State: probe.StateOpen, Reason: probe.ReasonSYNACK, RTT: time.Millisecond}
	s.add(&answered)
	s.add(&ping.Sample{Target: target, Reason: probe.ReasonNoRoute, Err: syscall.ENETUNREACH})
	jsonRecord := s.record()
	if jsonRecord.Sent != 1 || jsonRecord.Lost != 0 || jsonRecord.Unsent != 1 {
		t.Errorf("%+v", jsonRecord)
	}
	l := limits{maxLoss: 0.4}
	const want = "192.0.2.7:80: 50 % lost or never sent, above 40 %"
	if got := l.check([]*pingSeries{s}); len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %q", got, want)
	}
}
