package weak

import (
	"fmt"
	"math/big"
	"sync"

	"synscope/craft"
)

// A congruential generator of 48 or 64 bits of which the top 32 are seen hides
// its low bits, but the differences D of its states follow D' = a·D, whatever
// the increment, so the vector (D, D', D'', D''') is a point of a lattice that
// only a and m make. What is seen of it, shifted up, lies within 2^hidden of
// that point in every place, much nearer than lattice points are to each other:
// the nearest one is the truth (Frieze, Håstad, Kannan, Lagarias, Shamir 1988).

// hiddenLCG is a published multiplier of a longer state.
type hiddenLCG struct {
	a    uint64
	bits uint // of the state
	name string
}

// hiddenLCGs are the multipliers that are tried.
var hiddenLCGs = []hiddenLCG{
	{0x5DEECE66D, 48, "drand48, Java"},
	{44485709377909, 48, "Cray ranf"},
	{33952834046453, 48, "Fishman 48"},
	{6364136223846793005, 64, "Knuth MMIX, PCG"},
	{3935559000370003845, 64, "L'Ecuyer 64"},
	{2862933555777941757, 64, "L'Ecuyer 64, second"},
	{3202034522624059733, 64, "L'Ecuyer 64, third"},
	{1181783497276652981, 64, "L'Ecuyer 64, fourth"},
}

// latticeSize is how many differences are solved for at once.
const latticeSize = 4

// reducedBases holds the reduced lattice of each of the hiddenLCGs.
var reducedBases = sync.OnceValue(func() []planes {
	out := make([]planes, len(hiddenLCGs))
	for i, g := range hiddenLCGs {
		l := g.lattice().reduce()
		out[i] = planes{l, l.orthogonal()}
	}
	return out
})

// modulus is 2^bits.
func (g hiddenLCG) modulus() *big.Int { return new(big.Int).Lsh(big.NewInt(1), g.bits) }

// lattice is spanned by the powers of a, and by the modulus in each place.
func (g hiddenLCG) lattice() lattice {
	m := g.modulus()
	l := newLattice(latticeSize)
	power := big.NewInt(1)
	for i := range latticeSize {
		l[0][i].Set(power)
		if i > 0 {
			l[i][i].Set(m)
		}
		power = new(big.Int).Mul(power, new(big.Int).SetUint64(g.a))
		power.Mod(power, m)
	}
	return l
}

// truncatedLCG tries the longer generators on a run of six states or more.
func truncatedLCG(run []Number) (Generator, bool) {
	if len(run) < latticeSize+2 {
		return Generator{}, false
	}
	for i, basis := range reducedBases() {
		g := hiddenLCGs[i]
		d := g.firstDifference(run, basis)
		if _, ok := g.follow(run, d); ok {
			name := fmt.Sprintf("lcg (%s, a=%d, top 32 of %d bits)", g.name, g.a, g.bits)
			return Generator{Name: name, Proofs: len(run) - latticeSize - 1, Next: g.predictor(basis)}, true
		}
	}
	return Generator{}, false
}

// firstDifference finds the first state difference of the run, all bits of it.
func (g hiddenLCG) firstDifference(run []Number, basis planes) uint64 {
	target := make([]*big.Int, latticeSize)
	for i := range target {
		d := new(big.Int).SetUint64(uint64(uint32(run[i+1].X - run[i].X)))
		target[i] = d.Lsh(d, g.bits-32)
	}
	nearest := basis.nearest(target)
	return nearest[0].Mod(nearest[0], g.modulus()).Uint64()
}

// follow walks the run with its first difference d. Each state seen narrows
// the range of the first state's hidden bits by its carry; follow fails where
// none are left, and otherwise predicts the state after the run.
func (g hiddenLCG) follow(run []Number, d uint64) (craft.Seq, bool) {
	hidden := g.bits - 32
	mask := ^uint64(0) >> (64 - g.bits)
	low, high := uint64(0), uint64(1)<<hidden // the hidden bits h: low <= h < high
	sum := uint64(0)
	for i := 1; i < len(run); i++ {
		sum = (sum + d) & mask
		d = d * g.a & mask
		rest := sum & (1<<hidden - 1)
		switch run[i].X - run[0].X - craft.Seq(sum>>hidden) {
		case 0:
			high = min(high, 1<<hidden-rest)
		case 1:
			low = max(low, 1<<hidden-rest)
		default:
			return 0, false
		}
	}
	if low >= high {
		return 0, false
	}
	h := low + (high-low)/2
	return run[0].X.Add(uint32((sum + d + h) >> hidden)), true
}

// predictor solves the history's last states and takes one step more.
func (g hiddenLCG) predictor(basis planes) func([]Number) (craft.Seq, bool) {
	return func(h []Number) (craft.Seq, bool) {
		from := len(h) - 1
		for from > 0 && len(h)-from < 40 && h[from].K == h[from-1].K+1 {
			from--
		}
		if run := h[from:]; len(run) > latticeSize {
			return g.follow(run, g.firstDifference(run, basis))
		}
		return 0, false
	}
}
