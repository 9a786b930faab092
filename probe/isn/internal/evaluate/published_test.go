package evaluate

import (
	"math"
	"slices"
	"testing"

	"synscope/probe/isn"
)

// Generators with a known predictor are hardly ever called others with confidence, and never
// said to be much harder to guess than it finds them.
func TestGuessesAreNotFarAboveTheTruth(t *testing.T) {
	t.Parallel()
	first := FirstSeed() + 2
	t.Logf("first seed %d", first)
	hosts, told, wrong, far := 0, 0, 0, 0
	for _, k := range PublishedList() {
		for i := range Many(1, 200) {
			f := DrawKind(k.GeneratorKind, first+uint64(2*i))
			r := &f.Report
			hosts++
			switch {
			case slices.Contains(k.Right, r.Class):
				told++
			case r.Class != isn.ClassUnknown && r.Confidence >= 0.9:
				wrong++
				t.Log(&f)
			}
			if g, ok := r.GuessesP50.Get(); ok && r.Class != isn.ClassRandom && math.Log2(g) > k.Bits+5 {
				far++
				t.Logf("%.1f bits said, %.1f are: %s", math.Log2(g), k.Bits, &f)
			}
		}
	}
	t.Logf("%d hosts, %d told, %d wrong at 0.9 or more, %d said to be too hard", hosts, told, wrong, far)
	if wrong > hosts/50 || far > hosts/50 || told < hosts/3 {
		t.Errorf("%d hosts, %d told, %d wrong at 0.9 or more, %d said to be too hard", hosts, told, wrong, far)
	}
}

// They have names of their own, and classes that fit.
func TestPublishedAreDistinct(t *testing.T) {
	var list []GeneratorKind
	for _, k := range PublishedList() {
		list = append(list, k.GeneratorKind)
	}
	distinct(t, list)
}
