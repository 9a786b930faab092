package isn

import (
	"math"
	"math/rand/v2"
	"slices"
)

// regression is a weighted least-squares problem, row by row in order of time.
type regression struct {
	rows  [][]float64
	y, w  []float64
	taken int // coefficients taken out beforehand, as the strands' means are
}

// add appends an observation y of row·beta with inverse variance w.
func (r *regression) add(row []float64, y, w float64) {
	r.rows = append(r.rows, row)
	r.y = append(r.y, y)
	r.w = append(r.w, w)
}

// solution is a solved regression.
type solution struct {
	beta    []float64
	resid   []float64
	lever   []float64   // of each row
	gain    [][]float64 // beta[j] = Σ gain[j][i]·y[i]
	freedom int
	scale   float64 // root of the weighted residuals' mean square: 1 where the weights are true
}

// solve returns nil where there are too few rows or the columns do not stand
// apart (a condition number that leaves no digits).
func (r *regression) solve() *solution {
	n := len(r.rows)
	if n == 0 || n-r.taken <= len(r.rows[0]) {
		return nil
	}
	p := len(r.rows[0])
	inverse := inverted(r.normal())
	if inverse == nil {
		return nil
	}
	s := &solution{beta: make([]float64, p), freedom: n - p - r.taken}
	s.setGain(r, inverse)
	s.setResiduals(r)
	return s
}

// normal is the matrix of the normal equations, Σ w·row·rowᵀ.
func (r *regression) normal() [][]float64 {
	m := make([][]float64, len(r.rows[0]))
	for j := range m {
		m[j] = make([]float64, len(m))
	}
	for i, row := range r.rows {
		for j, a := range row {
			for k, b := range row {
				m[j][k] += r.w[i] * a * b
			}
		}
	}
	return m
}

// setGain computes the linear map from observations to coefficients.
func (s *solution) setGain(r *regression, inverse [][]float64) {
	s.gain = make([][]float64, len(s.beta))
	for j := range s.beta {
		s.gain[j] = make([]float64, len(r.rows))
		for i, row := range r.rows {
			for k, v := range row {
				s.gain[j][i] += inverse[j][k] * v * r.w[i]
			}
			s.beta[j] += s.gain[j][i] * r.y[i]
		}
	}
}

// setResiduals computes residuals, leverages and the scale.
func (s *solution) setResiduals(r *regression) {
	s.resid = make([]float64, len(r.rows))
	s.lever = make([]float64, len(r.rows))
	sum := 0.0
	for i, row := range r.rows {
		e := r.y[i]
		for j, v := range row {
			e -= v * s.beta[j]
			s.lever[i] += v * s.gain[j][i]
		}
		s.resid[i] = e
		sum += r.w[i] * e * e
	}
	s.scale = math.Sqrt(sum / float64(s.freedom))
}

// standardError is the usual one, with the residuals' own scale.
func (s *solution) standardError(j int, r *regression) float64 {
	v := 0.0
	for i, g := range s.gain[j] {
		v += g * g / r.w[i]
	}
	return s.scale * math.Sqrt(v)
}

// The bootstrap: so many replications, in blocks of so many neighbours, whose
// errors share their sign because queues outlast one exchange.
const (
	replications = 600
	blockLength  = 2
)

// interval returns the half width of the 95 % interval of beta[j]: the mean of a wild block
// bootstrap of the residuals and of the usual formula, both with Student's factor for the
// degrees of freedom, enlarged because the weights are estimates. The formula alone is too
// narrow where errors are correlated, the bootstrap alone where there are ten points.
func (s *solution) interval(j int, r *regression, rng *rand.Rand) float64 {
	t := student95(s.freedom)
	usual := t * s.standardError(j, r)
	boot := s.bootstrap(j, rng) * t / 1.96
	return (usual + boot) / 2 * (1 + unknownWeights/float64(s.freedom))
}

// unknownWeights enlarges the interval where few points have to tell how
// uncertain each of them is. It was set on simulated hosts, on seeds that the
// published figures do not use.
const unknownWeights = 1.6

// bootstrap returns the 95 % quantile of |beta*[j] - beta[j]|. Residuals are
// enlarged by their leverage (MacKinnon and White 1985, HC2).
func (s *solution) bootstrap(j int, rng *rand.Rand) float64 {
	part := make([]float64, len(s.resid))
	for i, e := range s.resid {
		part[i] = s.gain[j][i] * e / math.Sqrt(max(1-s.lever[i], 0.05))
	}
	deviation := make([]float64, replications)
	for b := range deviation {
		sum, sign := 0.0, 1.0
		phase := rng.IntN(blockLength)
		for i, v := range part {
			if i == 0 || (i+phase)%blockLength == 0 {
				sign = float64(2*rng.IntN(2) - 1)
			}
			sum += sign * v
		}
		deviation[b] = math.Abs(sum)
	}
	slices.Sort(deviation)
	return deviation[replications*95/100]
}
