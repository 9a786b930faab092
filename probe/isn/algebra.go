package isn

import "math"

// worstCondition is the condition number, in the norm of the largest column sum,
// from which an inverse of doubles has no digits left.
const worstCondition = 1e14

// inverted is the inverse of a symmetric, positive definite matrix by Cholesky's
// factors, A = L·Lᵀ; nil where it is not positive definite, or as good as not.
func inverted(a [][]float64) [][]float64 {
	l := cholesky(a)
	if l == nil {
		return nil
	}
	inverse := square(len(a))
	for column := range a {
		unit := make([]float64, len(a))
		unit[column] = 1
		for row, v := range substituted(l, unit) {
			inverse[row][column] = v
		}
	}
	if !(columnNorm(a)*columnNorm(inverse) <= worstCondition) {
		return nil
	}
	return inverse
}

// cholesky is the lower triangle L of A = L·Lᵀ; nil where A is not positive
// definite.
func cholesky(a [][]float64) [][]float64 {
	l := square(len(a))
	for j := range a {
		for i := j; i < len(a); i++ {
			rest := a[i][j]
			for k := range j {
				rest -= l[i][k] * l[j][k]
			}
			switch {
			case i > j:
				l[i][j] = rest / l[j][j]
			case !(rest > 0):
				return nil
			default:
				l[j][j] = math.Sqrt(rest)
			}
		}
	}
	return l
}

// substituted solves L·Lᵀ·x = b, forwards and then backwards. It overwrites b.
func substituted(l [][]float64, b []float64) []float64 {
	for i := range b {
		for k := range i {
			b[i] -= l[i][k] * b[k]
		}
		b[i] /= l[i][i]
	}
	for i := len(b) - 1; i >= 0; i-- {
		for k := i + 1; k < len(b); k++ {
			b[i] -= l[k][i] * b[k]
		}
		b[i] /= l[i][i]
	}
	return b
}

func square(n int) [][]float64 {
	m := make([][]float64, n)
	for i := range m {
		m[i] = make([]float64, n)
	}
	return m
}

// columnNorm is the largest sum of a column's magnitudes.
func columnNorm(a [][]float64) float64 {
	largest := 0.0
	for j := range a {
		sum := 0.0
		for i := range a {
			sum += math.Abs(a[i][j])
		}
		if !(sum <= largest) { // a NaN stays
			largest = sum
		}
	}
	return largest
}
