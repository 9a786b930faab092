package isn

import "testing"

// Matrices of other sizes than one row or two are a mistake of the caller's.
func TestInvertedTakesOneRowOrTwo(t *testing.T) {
	panics := func(a [][]float64) (yes bool) {
		defer func() { yes = recover() != nil }()
		inverted(a)
		return false
	}
	for _, a := range [][][]float64{{}, {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}} {
		if !panics(a) {
			t.Errorf("%d rows are taken", len(a))
		}
	}
	if panics([][]float64{{4}}) || panics([][]float64{{2, 1}, {1, 3}}) {
		t.Error("one row or two are refused")
	}
}
