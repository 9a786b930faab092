package isn

import "math"

// claimBits is the evidence that it takes to claim something: two models that differ by it
// are confused once in a million cases.
const claimBits = 20

// surest is the highest confidence ever claimed: no simulation covers everything.
const surest = 0.998

// posterior is the chance of a class whose description is so many bits shorter than that of
// the next one. Only a third of the bits counts, since samples share errors, and no model is
// exact.
func posterior(bits float64) float64 {
	return min(surest, 1-0.5*math.Exp2(-bits/3))
}

// rivalTo is the best standing of another class.
func rivalTo(list []*standing) *standing {
	for _, s := range list[1:] {
		if s.class != list[0].class && !math.IsInf(s.bits, 1) {
			return s
		}
	}
	return nil
}

// cond is a where c holds, else b.
func cond[T any](c bool, a, b T) T {
	if c {
		return a
	}
	return b
}
