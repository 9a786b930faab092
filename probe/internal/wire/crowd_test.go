package wire

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// TestCrowdBesideATable compares the places with a table of a router that is kept
// entry by entry: it never overflows, and is not left empty while hosts wait.
func TestCrowdBesideATable(t *testing.T) {
	for seed := range uint64(20) {
		chance := rand.New(rand.NewPCG(seed, 3))
		var c Crowds
		var ends []time.Duration
		type answer struct{ entered, at time.Duration }
		var due []answer // to come
		a, live, begun := netip.MustParseAddr("10.0.0.1"), chance.Float64(), 0
		waiting := make([]time.Duration, 3000) // when each comes again
		now := time.Duration(0)
		for ; begun < 3000 && now < time.Minute; now += time.Duration(chance.IntN(20)) * time.Millisecond {
			ends = slices.DeleteFunc(ends, func(end time.Duration) bool { return end <= now })
			due = slices.DeleteFunc(due, func(x answer) bool {
				if x.at > now {
					return false
				}
				c.Answered(a, x.entered, now)
				ends = append(ends, now+5*time.Second)
				return true
			})
			for i := 0; i < len(waiting); i++ {
				if waiting[i] > now {
					continue
				}
				again, entered := c.Enter(a, now)
				if !entered {
					if waiting[i] = again; again <= now {
						t.Fatalf("seed %d: told at %v to come again at %v", seed, now, again)
					}
					continue
				}
				begun++
				waiting = slices.Delete(waiting, i, i+1)
				i--
				if chance.Float64() < live {
					due = append(due, answer{now, now + time.Duration(chance.IntN(1000))*time.Millisecond})
				} else {
					ends = append(ends, now+3*time.Second)
				}
			}
			if n := len(ends) + len(due); n > crowdTable {
				t.Fatalf("seed %d: %d entries at %v", seed, n, now)
			}
		}
		if most := CrowdedFor(3000) + 5*time.Second; begun < 3000 || now > most {
			t.Errorf("seed %d: %d begun after %v, at most %v", seed, begun, now, most)
		}
	}
}
