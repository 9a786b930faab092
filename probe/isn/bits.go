package isn

import (
	"fmt"
	"math"

	"synscope/craft"
)

// storeVerdict reports numbers of which so many of n came again.
func storeVerdict(n, again int, saved float64) verdict {
	pool := poolSize(n, again)
	out := verdict{class: ClassWeakRandom, variant: "collisions", saved: saved, freeBits: Some(math.Log2(pool))}
	out.note("collisions", Warning, fmt.Sprintf("%d of %d numbers were there before", again, n),
		"Numbers come again: there are only about %.0f of them.", pool)
	return out
}

// poolSize estimates the size of the store from how many of n draws were there
// before, by bisection on the expected number of different ones.
func poolSize(n, again int) float64 {
	want := float64(n - again)
	low, high := want, 1e12
	for range 100 {
		mid := math.Sqrt(low * high)
		if mid*-math.Expm1(float64(n)*math.Log1p(-1/mid)) < want {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// biasCost is what must be paid for choosing one of 32 bits to blame.
const biasCost = 5

// leastBias is the evidence, in bits, below which no bit is called biased.
const leastBias = 14

// detectBits finds bits that stand still or lean to one side: a coder that
// knew would save so much (Krichevsky–Trofimov) that chance is no explanation.
func detectBits(v *view) (verdict, bool) {
	points := v.points
	n := len(points)
	if n < 8 {
		return verdict{}, false
	}
	var total, left float64
	text := ""
	stuck := 0
	for bit := 31; bit >= 0; bit-- {
		ones := countBit(points, bit)
		left += entropy(float64(ones) / float64(n))
		saved := savedBits(n, ones) - biasCost
		if saved <= 0 {
			continue
		}
		total += saved
		text += fmt.Sprintf("bit %d one in %d of %d; ", bit, ones, n)
		if ones == 0 || ones == n {
			stuck++
		}
	}
	if total < leastBias {
		return leaningBits(points, left)
	}
	out := verdict{class: ClassWeakRandom, variant: "biased bits", saved: total, freeBits: Some(left)}
	if stuck > 0 {
		out.variant = "stuck bits"
	}
	out.note("biased-bits", Warning, text, "Some bits stand still or lean to one side: about %.0f of 32 bits are left to guess.", left)
	return out, true
}

// leastLean is the evidence, in bits, below which bits lean together by chance.
const leastLean = 20

// leaningBits finds many bits that each lean too little to be blamed alone: the
// sum of their squared deviations is χ² of 32 degrees of freedom.
func leaningBits(points []point, left float64) (verdict, bool) {
	sum, n := 0.0, float64(len(points))
	for bit := range 32 {
		d := float64(countBit(points, bit)) - n/2
		sum += d * d / (n / 4)
	}
	bits := -math.Log2(chiSquaredTail(sum, 32))
	if bits < leastLean || n < leastRandom {
		return verdict{}, false
	}
	out := verdict{class: ClassWeakRandom, variant: "biased bits", saved: bits, freeBits: Some(left)}
	out.note("biased-bits", Warning, fmt.Sprintf("χ² over 32 bits %.0f, %.0f bits against chance", sum, bits),
		"Many bits lean to one side: about %.0f of 32 bits are left to guess.", left)
	return out, true
}

// countBit counts the points with the bit set.
func countBit(points []point, bit int) int {
	ones := 0
	for _, p := range points {
		ones += int(p.x >> craft.Seq(bit) & 1)
	}
	return ones
}

// savedBits is how much shorter n bits become for the Krichevsky–Trofimov coder.
func savedBits(n, ones int) float64 {
	a, _ := math.Lgamma(float64(ones) + 0.5)
	b, _ := math.Lgamma(float64(n-ones) + 0.5)
	c, _ := math.Lgamma(float64(n) + 1)
	return float64(n) + (a+b-c-math.Log(math.Pi))/math.Ln2
}

// entropy is that of one bit.
func entropy(p float64) float64 {
	if p <= 0 || p >= 1 {
		return 0
	}
	return -p*math.Log2(p) - (1-p)*math.Log2(1-p)
}

// What the word random takes: so many numbers, so many of them on one tuple,
// so many tuples.
const (
	leastRandom      = 12
	leastRandomSame  = 4
	leastRandomPorts = 4
)

// unladdered is the confidence in random where a keyed cookie could hide.
const unladdered = 0.78

// repeatsSYN reports whether some SYN was repeated exactly and got another
// number than before.
func repeatsSYN(v *view) bool {
	type syn struct {
		tuple  int
		client Opt[craft.Seq]
		offer  Opt[Offer]
	}
	seen := make(map[syn]bool)
	for i := range v.points {
		p := &v.points[i]
		key := syn{p.tuple, p.sample.ClientISN, p.sample.Offer}
		if p.sample.ClientISN.OK && seen[key] {
			return true
		}
		seen[key] = true
	}
	return false
}

// randomConfidence grows with what would have been seen.
func randomConfidence(n int) float64 {
	return min(0.985, 1-0.6*math.Exp2(-float64(n)/5))
}
