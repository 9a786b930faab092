package wire

import (
	"testing"
	"time"
)

// What is claimed as a round trip after what is known.
func TestTripsDoubtRetransmissions(t *testing.T) {
	type again struct{ took, after time.Duration }
	for name, tc := range map[string]struct {
		before []time.Duration // SYN-ACKs
		resets []time.Duration
		again  []again
		took   time.Duration
		doubt  bool
	}{
		"soon":                                {took: 300 * ms},
		"late, alone":                         {took: 1010 * ms, doubt: true},
		"late as all before":                  {before: []time.Duration{1010 * ms, 1020 * ms, 1010 * ms}, took: 1010 * ms, doubt: true},
		"late, others soon":                   {before: []time.Duration{10 * ms}, took: 1010 * ms, doubt: true},
		"late after late ones and one soon":   {before: []time.Duration{1010 * ms, 10 * ms}, took: 1010 * ms, doubt: true},
		"late as an RST":                      {resets: []time.Duration{1200 * ms}, took: 1200 * ms},
		"later than an RST by a second":       {resets: []time.Duration{1200 * ms}, took: 2210 * ms, doubt: true},
		"late, but an RST was soon":           {resets: []time.Duration{1200 * ms, 5 * ms}, took: 1200 * ms, doubt: true},
		"late as one that came again after 1": {again: []again{{1200 * ms, time.Second}}, took: 1250 * ms},
		"one that came again after 2 s":       {again: []again{{2100 * ms, 2 * time.Second}}, took: 2100 * ms, doubt: true},
		"one that came again sooner than RTO": {again: []again{{1010 * ms, 20 * ms}}, took: 1010 * ms, doubt: true},
		"one whose RST was lost":              {again: []again{{10 * ms, time.Second}}, took: 1010 * ms, doubt: true},
	} {
		var x Trips
		for _, took := range tc.before {
			x.Doubts(took)
		}
		for _, took := range tc.resets {
			x.Takes(took)
		}
		for _, a := range tc.again {
			x.Again(a.took, a.after)
		}
		if got := x.Doubts(tc.took); got != tc.doubt {
			t.Errorf("%s: doubt %t", name, got)
		}
	}
}
