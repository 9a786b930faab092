package isn

import (
	"math"
	"slices"
)

// gcd is Euclid's; gcd(0, b) is b.
func gcd(a, b uint32) uint32 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// magnitude is |d| without the overflow of -2^31.
func magnitude(d int32) uint32 {
	if d < 0 {
		return -uint32(d)
	}
	return uint32(d)
}

// commonDivisor returns the greatest common divisor of the differences, and 1
// where chance may have made it: m random differences share a divisor of g or
// more with probability about 1/g^(m-1).
func commonDivisor(gaps []int32, leastBits float64) uint32 {
	var g uint32
	for _, d := range gaps {
		g = gcd(g, magnitude(d))
	}
	if g < 2 || float64(len(gaps)-1)*math.Log2(float64(g)) < leastBits {
		return 1
	}
	return g
}

// The evidence, in bits, for a common divisor: to allow for it as a clock's
// quantum, and to report it.
const (
	quantumBits = 12
	divisorBits = 20
)

// mostDivisors is how many steps are tried, and mostVotes from how many
// differences they are taken.
const (
	mostDivisors = 4
	mostVotes    = 64
)

// divisors proposes steps: the common divisors of neighbouring differences that
// divide the most, the larger the better, and the most frequent difference.
func divisors(gaps []int32) (out []int32) {
	if len(gaps) > mostVotes {
		gaps = gaps[:mostVotes]
	}
	down := 0
	var tried []uint32
	for i, d := range gaps {
		if d < 0 {
			down++
		}
		for _, g := range []uint32{magnitude(d), gcd(magnitude(d), magnitude(gaps[max(i-1, 0)]))} {
			if !slices.Contains(tried, g) {
				tried = append(tried, g)
			}
		}
	}
	slices.SortStableFunc(tried, func(a, b uint32) int { return int(divides(gaps, b) - divides(gaps, a)) })
	for _, a := range tried[:min(len(tried), mostDivisors)] {
		if down*2 > len(gaps) {
			out = append(out, -int32(a))
		} else if a <= math.MaxInt32 {
			out = append(out, int32(a))
		}
	}
	return out
}

// divides is how many bits a divisor explains of the differences.
func divides(gaps []int32, a uint32) float64 {
	n := 0.0
	for _, d := range gaps {
		if magnitude(d)%a == 0 {
			n++
		}
	}
	return n * math.Log2(float64(a)+1)
}

// gaps are the differences inside the groups of a key, in the order of time,
// those that are nothing left out.
func (v *view) gaps(key factor) (list []int32) {
	for _, g := range v.groups(key).members(v.points) {
		for i := 1; i < len(g); i++ {
			if d := g[i].x.Sub(g[i-1].x); d != 0 {
				list = append(list, d)
			}
		}
	}
	return list
}
