package flow_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"synscope/probe/flow"
)

// TestEveryPacketIsCounted: whatever packets hold, each is counted once, and told
// of before its attempt.
func TestEveryPacketIsCounted(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 5))
		var packets []stamped
		for n := range 30 {
			packets = append(packets, newHistory(t, rng, n).packets...)
		}
		slices.SortStableFunc(packets, func(a, b stamped) int { return a.at.Compare(b.at) })
		var list []flow.Packet
		for i, p := range packets {
			parts := []stamped{p}
			switch rng.IntN(10) {
			case 0:
				parts = fragmented(p, 8*(1+rng.IntN(40)), uint32(i))
			case 1:
				p.data = slices.Clone(p.data)
				for range 1 + rng.IntN(3) {
					p.data[rng.IntN(len(p.data))] ^= byte(1 << rng.IntN(8))
				}
				parts = []stamped{p}
			case 2:
				parts = []stamped{{p.at, p.data[:rng.IntN(len(p.data)+1)]}}
			case 3:
				if i > 0 {
					parts = append(parts, packets[rng.IntN(i)])
				}
			}
			list = append(list, plain(parts)...)
		}
		g, counts := through(t, flow.Config{Segments: true, Flows: 1 + rng.IntN(40)}, list...)
		total := counts.Followed + counts.Duplicates + counts.Underway + counts.Unwanted
		for _, n := range counts.Rejected {
			total += n
		}
		if total != uint64(len(list)) {
			t.Errorf("seed %d: %d packets, %+v", seed, len(list), counts)
		}
		attempts := map[uint64]uint64{}
		for _, s := range g.segments {
			attempts[s.Attempt]++
		}
		for i := range g.attempts {
			if a := &g.attempts[i]; attempts[a.Number] != a.Packets+a.Duplicates {
				t.Errorf("seed %d, attempt %d: %d packets, %d duplicates, %d told", seed, a.Number, a.Packets, a.Duplicates, attempts[a.Number])
			}
		}
	}
}
