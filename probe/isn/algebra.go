package isn

import (
	"fmt"
	"math"
)

// worstCondition is the condition number, in the norm of the largest column sum,
// from which an inverse of doubles has no digits left.
const worstCondition = 1e14

// inverted is the inverse of a symmetric, positive definite matrix of one row or two; nil
// where it is not positive definite, or as good as not. It panics for other sizes.
func inverted(a [][]float64) [][]float64 {
	if len(a) != 1 && len(a) != 2 {
		panic(fmt.Sprintf("isn: the inverse of a matrix of %d rows", len(a)))
	}
	inverse := [][]float64{{1 / a[0][0]}}
	definite := a[0][0] > 0
	if len(a) == 2 {
		det := a[0][0]*a[1][1] - a[0][1]*a[1][0]
		inverse = [][]float64{{a[1][1] / det, -a[0][1] / det}, {-a[1][0] / det, a[0][0] / det}}
		definite = definite && det > 0
	}
	if !definite || !(columnNorm(a)*columnNorm(inverse) <= worstCondition) {
		return nil
	}
	return inverse
}

// columnNorm is the largest sum of a column's magnitudes; a NaN stays.
func columnNorm(a [][]float64) (largest float64) {
	for j := range a {
		sum := 0.0
		for i := range a {
			sum += math.Abs(a[i][j])
		}
		largest = max(largest, sum)
	}
	return largest
}
