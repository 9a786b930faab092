package evaluate

import (
	"slices"
	"testing"

	"synscope/probe/isn"
)

// Stacks that the models of the analysis were not written from are told, or withheld, and
// hardly ever called anything else with confidence.
func TestStacksAreNotCalledOthers(t *testing.T) {
	first := FirstSeed() + 1
	t.Logf("first seed %d", first)
	hosts, told, wrong := 0, 0, 0
	for _, k := range Stacks() {
		for i := range Many(4, 100) {
			f := DrawStack(k, first+uint64(2*i))
			hosts++
			switch r := &f.Report; {
			case slices.Contains(k.Right, r.Class):
				told++
			case r.Class != isn.ClassUnknown && r.Confidence >= 0.9:
				wrong++
				t.Log(&f)
			}
		}
	}
	t.Logf("%d hosts, %d told, %d wrong at 0.9 or more", hosts, told, wrong)
	if wrong > hosts/200 {
		t.Errorf("%d of %d wrong at 0.9 or more", wrong, hosts)
	}
	if told < hosts/3 {
		t.Errorf("%d of %d told", told, hosts)
	}
}

// The stacks have names of their own, and classes that fit.
func TestStacksAreDistinct(t *testing.T) { distinct(t, Stacks()) }
