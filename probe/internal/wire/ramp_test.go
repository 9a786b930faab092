package wire

import (
	"net/netip"
	"testing"
	"time"

	"synscope/netraw"
	"synscope/probe"
)

// rampOver lets a ramp behind a router go on for two seconds, and returns the rates of the second one, where a
// machine sends a share of what the rate allows, and as many answers a second come at most.
func rampOver(share, most float64) (lowest, highest float64) {
	r := NewRamp()
	r.Towards(netraw.Route{NextHop: netip.MustParseAddr("192.0.2.1")})
	const epoch = rampEpoch
	sent, owed := 0.0, 0.0
	lowest = r.bound * 100
	for now := epoch; now <= 2*time.Second; now += epoch {
		left := r.Rate * share * epoch.Seconds()
		sent += left
		owed += min(left, most*epoch.Seconds())
		for ; owed >= 1; owed-- {
			r.Answered(0)
		}
		r.Turn(now, now, uint64(sent), time.Millisecond)
		if now > time.Second {
			lowest, highest = min(lowest, r.Rate), max(highest, r.Rate)
		}
	}
	return lowest, highest
}

// TestRateOfABusyMachine: one that sends less than the rate allows, and has all of it answered, is
// allowed what any may; one that sends less than half of it twice what it sends and what may stay unanswered.
func TestRateOfABusyMachine(t *testing.T) {
	for _, share := range []float64{0.6, 0.7, 0.8, 0.9} {
		if lowest, _ := rampOver(share, 1e9); lowest < probe.LocalRate {
			t.Errorf("a machine that sends %v of what it may: %.0f packets a second are allowed it", share, lowest)
		}
	}
	const far = 0.3
	if _, highest := rampOver(far, 1e9); highest > 1.02*probe.RoutedRate/(1-mostAhead*far) {
		t.Errorf("a machine that sends %v of what it may: %.0f packets a second are allowed it", far, highest)
	}
}

// TestRateOfLimitedAnswers: where so many answers come and no more, the others are the bound's.
func TestRateOfLimitedAnswers(t *testing.T) {
	for _, most := range []float64{0, 1000, 20_000, 60_000} {
		for _, share := range []float64{0.8, 1} {
			lowest, highest := rampOver(share, most)
			if left := highest * share; left > 1.02*(most+probe.RoutedRate) || lowest < probe.RoutedRate {
				t.Errorf("%v answers a second, a machine that sends %v of what it may: %.0f to %.0f packets a second are allowed it", most, share, lowest, highest)
			}
		}
	}
}
