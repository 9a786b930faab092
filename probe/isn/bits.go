package isn

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"synscope/craft"
)

// detectCollisions finds numbers drawn again from a small store. Among n truly
// random numbers a pair is equal with probability n²/2^33.
func detectCollisions(v *view) (verdict, bool) {
	points := v.points
	n := len(points)
	again := n - distinct(points)
	if n < leastRandom || again == 0 {
		return verdict{}, false
	}
	bits := surplusCollisions(n, again)
	if bits < leastCollision {
		return verdict{}, false
	}
	pool := poolSize(n, again)
	out := verdict{class: ClassWeakRandom, variant: "collisions", confidence: sure(bits), freeBits: Some(math.Log2(pool))}
	out.note("collisions", Warning, fmt.Sprintf("%d of %d numbers were there before", again, n),
		"Numbers come again: there are only about %.0f of them.", pool)
	return out, true
}

// leastCollision is the evidence, in bits, below which collisions are chance.
const leastCollision = 20

// surplusCollisions is log2 of how unlikely it is that so many of n random
// numbers were there before (Chernoff's bound on a Poisson variable).
func surplusCollisions(n, again int) float64 {
	expected := float64(n) * float64(n-1) / 2 / space
	if float64(again) <= expected {
		return 0
	}
	k := float64(again)
	return (k*math.Log(k/expected) - k + expected) / math.Ln2
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
	if n < 8 || creeping(points) {
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
	out := verdict{class: ClassWeakRandom, variant: "biased bits", confidence: sure(2*total - 8), freeBits: Some(left)}
	if stuck > 0 {
		out.variant = "stuck bits"
	}
	out.note("biased-bits", Warning, text, "Some bits stand still or lean to one side: about %.0f of 32 bits are left to guess.", left)
	return out, true
}

// creeping reports whether the numbers only grow, and little: a slow clock or
// counter, of which too little was seen to tell which.
func creeping(points []point) bool {
	for i := 1; i < len(points); i++ {
		if points[i].x.LessThan(points[i-1].x) {
			return false
		}
	}
	return spread(points) < 1<<24
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
	bits := -math.Log2(distuv.ChiSquared{K: 32}.Survival(sum))
	if bits < leastLean || n < leastRandom {
		return verdict{}, false
	}
	out := verdict{class: ClassWeakRandom, variant: "biased bits", confidence: sure(bits), freeBits: Some(left)}
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

// detectRandom answers if no other class would have been missed.
func detectRandom(v *view) (verdict, bool) {
	n := len(v.points)
	if !v.timed || n < leastRandom || longest(v.repeated(2)) < leastRandomSame || len(v.tuples) < leastRandomPorts {
		return verdict{}, false
	}
	out := verdict{class: ClassRandom, confidence: randomConfidence(n)}
	out.note("no-structure", Info, fmt.Sprintf("%d numbers on %d tuples", n, len(v.tuples)),
		"No counter, clock, cookie, generator, bias or collision that so many samples would show. Weak generators of other kinds need more of them.")
	if !repeatsSYN(v) {
		out.confidence = min(out.confidence, unladdered)
		out.note("cookie-not-excluded", Info, "no SYN was sent twice",
			"A keyed function of our whole SYN would look the same: the options ladder sends one SYN twice to tell.")
	}
	return out, true
}

// unladdered is the confidence in random where a keyed cookie could hide.
const unladdered = 0.87

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
