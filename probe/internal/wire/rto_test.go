package wire

import (
	"testing"
	"time"
)

const ms = time.Millisecond

// The worked numbers of RFC 6298 §2: SRTT and RTTVAR by hand.
func TestRTOFollowsRFC6298(t *testing.T) {
	var r RTO
	if got := r.Rto(0, time.Minute); got != time.Second {
		t.Errorf("before any sample %v, want 1s (§2.1)", got)
	}
	r.Sample(200 * ms)
	if got, want := r.Rto(0, time.Minute), 200*ms+4*100*ms; got != want {
		t.Errorf("after the first sample %v, want %v (§2.2)", got, want)
	}
	r.Sample(280 * ms) // RTTVAR = 3/4·100 + 1/4·80, then SRTT = 7/8·200 + 1/8·280
	if got, want := r.Rto(0, time.Minute), 210*ms+4*95*ms; got != want {
		t.Errorf("after the second %v, want %v (§2.3)", got, want)
	}
}

func TestRTOBacksOffWithinBounds(t *testing.T) {
	var r RTO
	r.Sample(10 * time.Microsecond)
	for attempt, want := range []time.Duration{100 * ms, 200 * ms, 400 * ms, 700 * ms, 700 * ms} {
		if got := r.Rto(attempt, 700*ms); got != want {
			t.Errorf("attempt %d: %v, want %v", attempt, got, want)
		}
	}
	var fresh RTO
	if got := fresh.Rto(0, 300*ms); got != 300*ms {
		t.Errorf("the limit holds before any sample too: %v", got)
	}
}
