package wide

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"synscope/craft"
	"synscope/netraw"
)

// told is a link that tells what a test says.
type told struct {
	Neighbours
	next []netraw.Neighbour
}

func (l *told) Poll(found []netraw.Neighbour) []netraw.Neighbour {
	defer func() { l.next = nil }()
	return append(found, l.next...)
}

// What is remembered of the lowest positions of probes that wait for their neighbours is what looking
// through all of them finds.
func TestLowestOfThoseThatWait(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	l := &told{}
	s := &sender{failed: make([]uint64, 3)}
	s.neighbour = newNeighbourWait(l)
	n := s.neighbour
	for range 3000 {
		switch a := netip.AddrFrom4([4]byte{10, 0, 0, byte(chance.IntN(8))}); chance.IntN(12) {
		case 0, 1, 2, 3:
			l.next = []netraw.Neighbour{{Addr: a, State: netraw.NeighbourResolved}}
			s.askNeighbours()
		case 4:
			n.drop([]uint64{chance.Uint64N(1000), chance.Uint64N(1000), chance.Uint64N(1000)})
		default:
			c := newCursor(chance.IntN(3), 1, newTrail(1, 0))
			first := chance.Uint64N(1000)
			c.chunk = &chunk{fields: make([]craft.Fields, 2), first: first, end: first + 2}
			s.withhold(c, craft.Fields{Dst: netip.AddrPortFrom(a, 80)}, netraw.NeighbourPending)
		}
		want, got := []uint64{1000, 1000, 1000}, []uint64{1000, 1000, 1000}
		for _, list := range n.waiting {
			for i := range list {
				list[i].lower(want, 2)
			}
		}
		if n.lower(got, 2); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}
