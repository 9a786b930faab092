package heap

import (
	"math/rand/v2"
	"slices"
	"testing"
)

type number int

func (n number) Before(m number) bool { return n < m }

// What comes out is in order, whatever goes in between, as a sorted list says it.
func TestHeapIsInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var h Heap[number]
		var sorted []number
		for range 100 {
			if len(h) > 0 && rng.IntN(3) == 0 {
				if got := h.Pop(); got != sorted[0] {
					t.Fatalf("%d came out, want %d", got, sorted[0])
				}
				sorted = sorted[1:]
				continue
			}
			n := number(rng.IntN(50))
			h.Push(n)
			i, _ := slices.BinarySearch(sorted, n)
			sorted = slices.Insert(sorted, i, n)
		}
		if len(h) != len(sorted) {
			t.Fatalf("%d left, want %d", len(h), len(sorted))
		}
	}
}
