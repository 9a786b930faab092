package evaluate

import (
	"slices"
	"testing"

	"synscope/probe/isn"
)

// Generators that there is no model of are withheld, or called something that fits, and
// hardly ever anything else with confidence.
func TestUnmodelledGeneratorsAreNotForcedIntoAClass(t *testing.T) {
	t.Parallel()
	first := FirstSeed()
	t.Logf("first seed %d", first)
	hosts, wrong := 0, 0
	for _, k := range Unmodelled() {
		for i := range Many(1, 40) {
			f := DrawKind(k, first+uint64(2*i))
			hosts++
			if r := &f.Report; r.Class != isn.ClassUnknown && r.Confidence >= 0.9 && !slices.Contains(k.Right, r.Class) {
				wrong++
				t.Log(&f)
			}
		}
	}
	if wrong > 2+hosts/50 {
		t.Errorf("%d of %d wrong at 0.9 or more", wrong, hosts)
	}
}

// The generators without a model have names of their own, and classes that fit.
func TestUnmodelledGeneratorsAreDistinct(t *testing.T) { distinct(t, Unmodelled()) }

func distinct(t *testing.T, list []GeneratorKind) {
	t.Helper()
	seen := map[string]bool{}
	for _, k := range list {
		if seen[k.Name] || len(k.Right) == 0 || slices.Contains(k.Right, isn.ClassUnknown) {
			t.Errorf("%s", k.Name)
		}
		seen[k.Name] = true
	}
}
