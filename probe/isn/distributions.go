package isn

import "math"

// studentTail is the probability that Student's t with so many degrees of
// freedom, 1 or more, is farther from zero than t (Abramowitz and Stegun, 26.7.3
// and 26.7.4).
func studentTail(t float64, freedom int) float64 {
	n := float64(freedom)
	theta := math.Atan(t / math.Sqrt(n))
	sin, cos := math.Sincos(theta)
	odd := freedom%2 == 1
	term, sum := 1.0, 0.0
	if odd {
		term = cos
	}
	for k := 1 + freedom%2; k < freedom; k += 2 {
		sum += term
		term *= cos * cos * float64(k) / float64(k+1)
	}
	if odd {
		return 1 - 2/math.Pi*(theta+sin*sum)
	}
	return 1 - sin*sum
}

// student95 is the t that 95 of 100 draws with so many degrees of freedom are
// within, either side of zero.
func student95(freedom int) float64 {
	if freedom > 200 {
		return studentFar(freedom)
	}
	low, high := 1.9, 13.0
	for range 60 {
		if middle := (low + high) / 2; studentTail(middle, freedom) > 0.05 {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// studentFar is student95 by its expansion round the normal distribution
// (Abramowitz and Stegun, 26.7.5), exact to 1e-10 from 100 degrees on.
func studentFar(freedom int) float64 {
	const x = 1.959963984540054 // of the normal distribution
	const x2 = x * x
	n := float64(freedom)
	g1 := x * (x2 + 1) / 4
	g2 := x * ((5*x2+16)*x2 + 3) / 96
	g3 := x * (((3*x2+19)*x2+17)*x2 - 15) / 384
	return x + (g1+(g2+g3/n)/n)/n
}

// chiSquaredTail is the probability that χ² with an even number of degrees of
// freedom is larger than x (Abramowitz and Stegun, 26.4.5): that of fewer than
// half as many events where x/2 are expected.
func chiSquaredTail(x float64, freedom int) float64 {
	term, sum := 1.0, 0.0
	for i := range freedom / 2 {
		sum += term
		term *= x / 2 / float64(i+1)
	}
	return math.Exp(-x/2) * sum
}

// meanAndDeviation are those of a sample, the deviation with n-1.
func meanAndDeviation(x []float64) (mean, deviation float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		deviation += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(x)-1))
}

// correlation is Pearson's; NaN where one of the two does not vary.
func correlation(x, y []float64) float64 {
	meanX, _ := meanAndDeviation(x)
	meanY, _ := meanAndDeviation(y)
	xx, yy, xy := 0.0, 0.0, 0.0
	for i := range x {
		dx, dy := x[i]-meanX, y[i]-meanY
		xx, yy, xy = xx+dx*dx, yy+dy*dy, xy+dx*dy
	}
	return xy / math.Sqrt(xx*yy)
}

// dependence is the square of the t statistic of a correlation, n-2 degrees of freedom.
func dependence(x, y []float64) float64 {
	r := correlation(x, y)
	return r * r * float64(len(x)-2) / (1 - r*r)
}

// rises reports whether y is the larger the larger x is, by so large a squared t statistic.
func rises(x, y []float64, least float64) bool {
	return correlation(x, y) > 0 && dependence(x, y) > least
}
