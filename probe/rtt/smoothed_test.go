package rtt_test

import (
	"testing"
	"time"

	"synscope/probe/rtt"
)

// The worked numbers of RFC 6298 §2, by hand; and a time of nothing is a time.
func TestSmoothedFollowsRFC6298(t *testing.T) {
	const ms = time.Millisecond
	var s rtt.Smoothed
	if s.Known() || s.Timeout() != 0 {
		t.Errorf("%+v before any sample", s)
	}
	s.Sample(200 * ms)
	if want := (rtt.Smoothed{SRTT: 200 * ms, RTTVAR: 100 * ms}); s != want || s.Timeout() != 600*ms {
		t.Errorf("after the first %+v, want %+v (§2.2)", s, want)
	}
	s.Sample(280 * ms) // RTTVAR = 3/4·100 + 1/4·80, then SRTT = 7/8·200 + 1/8·280
	if want := (rtt.Smoothed{SRTT: 210 * ms, RTTVAR: 95 * ms}); s != want || s.Timeout() != 590*ms {
		t.Errorf("after the second %+v, want %+v (§2.3)", s, want)
	}
	var none rtt.Smoothed
	none.Sample(0)
	if !none.Known() {
		t.Error("a time of zero was not taken in")
	}
}
