package isn

import (
	"fmt"
	"math"

	"synscope/craft"
)

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
