package handshake

import (
	"math/rand/v2"
	"testing"

	"synscope/craft"
)

// TestHolesAgainstSet captures ten bytes of twenty in several orders, with some
// of what lies between, and compares the holes with a plain set of numbers.
func TestHolesAgainstSet(t *testing.T) {
	const first = craft.Seq(1<<32 - 4000) // the numbers come round
	for _, segments := range []int{1, 2, 60, mostHoles / 2} {
		for name, order := range orders(segments) {
			w := way{}
			w.reach(first)
			next, seen := first, map[craft.Seq]bool{}
			for _, i := range order {
				take(&w, &next, seen, &craft.Segment{Flags: craft.ACK, Seq: first.Add(uint32(20 * i)), Payload: make([]byte, 10)})
				if i%3 == 0 {
					take(&w, &next, seen, &craft.Segment{Flags: craft.ACK, Seq: first.Add(uint32(20*i + 5)), Payload: make([]byte, 10+i%7)})
				}
			}
			gaps, bytes := w.count(next)
			wantGaps, wantBytes := missing(first, next, seen)
			if gaps != wantGaps || bytes != wantBytes {
				t.Errorf("%d segments %s: %d gaps of %d bytes; want %d of %d", segments, name, gaps, bytes, wantGaps, wantBytes)
			}
		}
	}
}

// TestHolesBounded captures far more holes than are kept: the memory is bounded,
// and the gaps that nobody kept are not said to be none.
func TestHolesBounded(t *testing.T) {
	const segments = 8 * mostHoles
	for name, order := range orders(segments) {
		w := way{}
		w.reach(0)
		next, seen := craft.Seq(0), map[craft.Seq]bool{}
		for _, i := range order {
			take(&w, &next, seen, &craft.Segment{Flags: craft.ACK, Seq: craft.Seq(20 * (i + 1)), Payload: make([]byte, 10)})
			if n := len(w.holes.open); n > mostHoles {
				t.Fatalf("%s: %d holes are kept", name, n)
			}
		}
		for i := range w.holes.open { // what is left of them comes
			h := w.holes.open[len(w.holes.open)-1]
			take(&w, &next, seen, &craft.Segment{Flags: craft.ACK, Seq: h.lo, Payload: make([]byte, h.length())})
			if len(w.holes.open) == 0 && i == 0 {
				t.Fatalf("%s: one hole is kept", name)
			}
		}
		if gaps, _ := w.count(next); gaps == 0 {
			t.Errorf("%s: no gap, of %d", name, segments)
		}
		if gaps, _ := w.count(0); gaps != 0 {
			t.Errorf("%s: %d gaps, and nothing was acknowledged", name, gaps)
		}
	}
}

func orders(n int) map[string][]int {
	up, down := make([]int, n), make([]int, n)
	for i := range up {
		up[i], down[n-1-i] = i, i
	}
	return map[string][]int{"ascending": up, "descending": down, "at random": rand.New(rand.NewPCG(1, uint64(n))).Perm(n)}
}

// take gives a segment to the way, as a bystander does.
func take(w *way, next *craft.Seq, seen map[craft.Seq]bool, s *craft.Segment) {
	if next.LessThan(s.Seq) {
		w.miss(0, *next, s.Seq, 0)
	}
	w.fill(s, 0)
	for i := range s.Len() {
		seen[s.Seq.Add(i)] = true
	}
	if end := s.Seq.Add(s.Len()); next.LessThan(end) {
		*next = end
	}
}

// missing counts the numbers from first to next that were not seen, and how often
// they follow one that was.
func missing(first, next craft.Seq, seen map[craft.Seq]bool) (gaps int, bytes uint64) {
	before := true
	for n := first; n != next; n = n.Add(1) {
		if !seen[n] {
			bytes++
			if before {
				gaps++
			}
		}
		before = seen[n]
	}
	return gaps, bytes
}
