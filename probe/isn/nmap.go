package isn

import (
	"math"
	"slices"
)

// nmapSamples is how many SYN-ACKs nmap compares, and nmapGap how far apart, in
// s, it sends its SYNs (https://nmap.org/book/osdetect-methods.html, "Sequence
// generation").
const (
	nmapSamples = 6
	nmapGap     = 0.1
)

// nmapFigures computes GCD, ISR and SP as nmap's documentation defines them
// (https://nmap.org/book/osdetect-methods.html), from the samples most like
// nmap's: consecutive ones, each from another port, about 100 ms apart.
func nmapFigures(v *view) (Nmap, bool) {
	points := nmapWindow(v)
	if len(points) < 2 {
		return Nmap{}, false
	}
	diffs, rates := nmapRates(points)
	out := Nmap{N: len(points)}
	for i, p := range points {
		out.ISNs[i] = p.x
	}
	for _, d := range diffs {
		out.GCD = gcd(out.GCD, d)
	}
	if mean, _ := meanAndDeviation(rates); mean >= 1 {
		out.ISR = int(math.Round(8 * math.Log2(mean)))
	}
	if len(points) >= 4 {
		out.SP = Some(nmapSP(rates, out.GCD))
	}
	return out, true
}

// nmapWindow picks at most six consecutive samples of different tuples whose
// gaps are nearest to nmap's.
func nmapWindow(v *view) []point {
	if !v.timed {
		return nil
	}
	var best []point
	cost := math.Inf(1)
	for _, stretch := range freshStretches(v.points) {
		n := min(nmapSamples, len(stretch))
		if n < len(best) {
			continue
		}
		for i := 0; i+n <= len(stretch); i++ {
			if c := gapCost(stretch[i : i+n]); n > len(best) || c < cost {
				best, cost = stretch[i:i+n], c
			}
		}
	}
	return best
}

// freshStretches cuts the points into stretches in which every tuple is new.
func freshStretches(points []point) [][]point {
	var out [][]point
	start := 0
	seen := make(map[int]bool)
	for i := range points {
		if seen[points[i].tuple] {
			out = append(out, points[start:i])
			start, seen = i, make(map[int]bool)
		}
		seen[points[i].tuple] = true
	}
	return append(out, points[start:])
}

// gapCost measures how far the gaps are from nmap's, in octaves.
func gapCost(points []point) float64 {
	c := 0.0
	for i := 1; i < len(points); i++ {
		c += math.Abs(math.Log2(max(sentGap(&points[i-1], &points[i]), 1e-6) / nmapGap))
	}
	return c
}

// sentGap is the time between two SYNs, in s: nmap's clock runs between them.
func sentGap(a, b *point) float64 {
	ta, _ := moment(a.sample)
	tb, _ := moment(b.sample)
	return float64(tb-ta) / 1e9
}

// nmapRates returns the absolute differences, each the smaller way round, and
// the same a second.
func nmapRates(points []point) (diffs []uint32, rates []float64) {
	for i := 1; i < len(points); i++ {
		d := magnitude(points[i].x.Sub(points[i-1].x))
		diffs = append(diffs, d)
		rates = append(rates, float64(d)/max(sentGap(&points[i-1], &points[i]), 1e-6))
	}
	return diffs, rates
}

// nmapSP is eight times the binary logarithm of the rates' standard deviation,
// after division by a GCD above nine.
func nmapSP(rates []float64, g uint32) int {
	scaled := slices.Clone(rates)
	if g > 9 {
		for i := range scaled {
			scaled[i] /= float64(g)
		}
	}
	if _, deviation := meanAndDeviation(scaled); deviation > 1 {
		return int(math.Round(8 * math.Log2(deviation)))
	}
	return 0
}
