package evaluate

import (
	"slices"
	"testing"

	"synscope/probe/isn"
)

// Generators whose programmers erred, and pools, are told, or withheld, and hardly ever
// called anything else with confidence.
func TestFaultyGeneratorsAreNotCalledOthers(t *testing.T) {
	t.Parallel()
	first := FirstSeed()
	t.Logf("first seed %d", first)
	hosts, told, wrong := judged(t, everyNth(Faulty(), Many(2, 1)), first, Many(1, 40))
	t.Logf("%d hosts, %d told, %d wrong at 0.9 or more", hosts, told, wrong)
	if wrong > 1+hosts/50 {
		t.Errorf("%d of %d wrong at 0.9 or more", wrong, hosts)
	}
	if told < hosts/3 {
		t.Errorf("%d of %d told", told, hosts)
	}
}

// everyNth are the first of the kinds, and each nth after it.
func everyNth(kinds []GeneratorKind, n int) (out []GeneratorKind) {
	for i := 0; i < len(kinds); i += n {
		out = append(out, kinds[i])
	}
	return out
}

// judged counts the hosts of all kinds, those that are told, and those that are called
// something that does not fit at 0.9 or more.
func judged(t *testing.T, kinds []GeneratorKind, first uint64, each int) (hosts, told, wrong int) {
	t.Helper()
	for _, k := range kinds {
		for i := range each {
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
	return hosts, told, wrong
}

// The faulty generators have names of their own, and classes that fit.
func TestFaultyGeneratorsAreDistinct(t *testing.T) { distinct(t, Faulty()) }
