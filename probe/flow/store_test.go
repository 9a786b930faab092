package flow

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestStoreAndIndex plays with both against a map.
func TestStoreAndIndex(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var s store[uint64]
	var x index
	have := map[uint64]ref{}
	hash := func(v uint64) uint32 { return uint32(v % 97) } // many collide
	find := func(v uint64) ref { return x.find(hash(v), func(r ref) bool { return *s.at(uint32(r)) == v }) }
	for round := range 200_000 {
		v := 1 + rng.Uint64N(6000)
		r, there := have[v]
		if find(v) != r {
			t.Fatalf("round %d: %d is at %d, not %d", round, v, find(v), r)
		}
		grow := round/50_000%2 == 0
		switch {
		case there && (!grow || rng.IntN(4) == 0):
			x.remove(hash(v), r)
			s.give(uint32(r))
			delete(have, v)
		case !there && (grow || rng.IntN(4) == 0):
			r := ref(s.take())
			if *s.at(uint32(r)) != 0 {
				t.Fatal("a record was not clear")
			}
			*s.at(uint32(r)) = v
			x.add(hash(v), r)
			have[v] = r
		}
		if s.used != len(have) || x.used != len(have) {
			t.Fatalf("%d and %d of %d", s.used, x.used, len(have))
		}
	}
	for _, v := range slices.Collect(maps.Keys(have)) {
		x.remove(hash(v), have[v])
		s.give(uint32(have[v]))
	}
	if s.used != 0 || slices.ContainsFunc(s.blocks, func(b *block[uint64]) bool { return b != nil }) {
		t.Error("an empty store keeps blocks")
	}
}

// TestStoreKeepsOneBlock has one record come and go: that allocates nothing.
func TestStoreKeepsOneBlock(t *testing.T) {
	var s store[[64]uint64]
	come := func() {
		r := s.take()
		if *s.at(r) != ([64]uint64{}) {
			t.Fatal("a record was not clear")
		}
		s.at(r)[63] = 1
		s.give(r)
	}
	come()
	if n := testing.AllocsPerRun(100, come); n > 0.5 {
		t.Errorf("%v allocations for a record that comes and goes", n)
	}
}
