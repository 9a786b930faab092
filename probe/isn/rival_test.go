package isn

import (
	"math"
	"testing"
)

// A generator pays the same for being one of many, and explains the same share of the
// numbers, where it is looked for in all of them and where in a part.
func TestGeneratorsOfAPartStandAsThoseOfAll(t *testing.T) {
	for _, n := range []int{quadratic / 2, 2 * quadratic, 5 * quadratic} {
		state := uint32(12345)
		v := newView(numbersOf(n, func(uint32) uint32 { state = state*1103515245 + 12345; return state }))
		found := false
		for _, s := range compare(v) {
			if s.name != generatorName {
				continue
			}
			found = true
			if want := v.plainBits() - s.found.saved + rivalPrior; math.Abs(s.bits-want) > 1e-6 || s.view != v {
				t.Errorf("%d numbers: %.1f bits, want %.1f", n, s.bits, want)
			}
			if share := s.found.saved / v.plainBits(); share < 0.9 || share > 1 {
				t.Errorf("%d numbers: %.2f of their bits are saved", n, share)
			}
		}
		if r := Analyze(numbersOf(n, func(uint32) uint32 { state = state*1103515245 + 12345; return state }), Options{}); !found || r.Class != ClassWeakRandom || r.Confidence < 0.95 {
			t.Errorf("%d numbers: %s %.3f, generator found %v", n, r.Class, r.Confidence, found)
		}
	}
}
