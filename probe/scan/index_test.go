package scan

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// The table finds what a map finds, whatever was entered and removed before.
func TestIndexIsAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var x index
	oracle := map[uint64]uint32{}
	for i := range uint32(60_000) {
		// ports of a few hosts, and now and then most of them are done
		key := uint64(rng.IntN(7))<<16 | uint64(rng.IntN(500))
		if rng.IntN(1000) < 450+200*int(i/10_000%2) {
			x.remove(key)
			delete(oracle, key)
		} else {
			x.put(key, i)
			oracle[key] = i
		}
		other := uint64(rng.IntN(7))<<16 | uint64(rng.IntN(500))
		id, ok := x.get(other)
		if want, held := oracle[other]; ok != held || ok && id != want {
			t.Fatalf("step %d: %d is %d %v, want %d %v", i, other, id, ok, want, held)
		}
		if x.n != len(oracle) {
			t.Fatalf("step %d: %d entries, want %d", i, x.n, len(oracle))
		}
	}
	if got, want := slices.Sorted(x.all()), slices.Sorted(maps.Values(oracle)); !slices.Equal(got, want) {
		t.Errorf("it holds %d records, want %d", len(got), len(want))
	}
}

// Keys whose search begins at the same place, at the end of the table, stand at its front.
func TestIndexGoesRound(t *testing.T) {
	var x index
	x.put(0, 0)
	var last []uint64
	for key := uint64(1); len(last) < 6; key++ {
		if x.place(key) == len(x.entries)-1 {
			last = append(last, key)
		}
	}
	for i, key := range last {
		x.put(key, uint32(i))
	}
	for i, key := range last {
		x.remove(key)
		for j, other := range last {
			if id, ok := x.get(other); ok != (j > i) || ok && id != uint32(j) {
				t.Fatalf("after %d removed, %d is %d %v", i+1, j, id, ok)
			}
		}
	}
	if id, ok := x.get(0); !ok || id != 0 {
		t.Error("what stood at the front is lost")
	}
}
