package weak

import (
	"cmp"
	"fmt"
	"math/big"
	"math/bits"
	"slices"

	"synscope/craft"
)

// A linear congruential generator goes from state s to a·s + c mod m, and the
// ISN is the state itself. Where only a is
// known, c follows from two states and each further one is a test of 32 bits;
// where nothing is known but that m = 2^32, the differences d follow
// d' = a·d, so two of them give a; where m is unknown too, it divides every
// d''·d − d'². In the example s' = 5s + 3 mod 16 from 1: 1, 8, 11, 10, 5, 12;
// differences 7, 3, −1, −5, 7; 3·3 − 7·(−1) = 16 is a multiple of m at once.

// multiplier is a published generator.
type multiplier struct {
	a, m uint64 // m = 0 stands for 2^64
	name string
}

// multipliers are those whose state is the output, up to 32 bits long.
var multipliers = []multiplier{
	{1664525, 1 << 32, "Numerical Recipes"},
	{1103515245, 1 << 32, "ANSI C"},
	{1103515245, 1 << 31, "ANSI C, 31 bits"},
	{22695477, 1 << 32, "Borland"},
	{214013, 1 << 32, "Microsoft"},
	{69069, 1 << 32, "VAX"},
	{134775813, 1 << 32, "Delphi"},
	{747796405, 1 << 32, "PCG32"},
	{1597334677, 1 << 32, "Mwc1616"},
	{16807, 1<<31 - 1, "MINSTD 1988"},
	{48271, 1<<31 - 1, "MINSTD 1993"},
	{69621, 1<<31 - 1, "Fishman"},
	{65539, 1 << 31, "RANDU"},
	{279470273, 4294967291, "L'Ecuyer 1999"},
}

// leastRun is how many direct successors a generator needs: two give the
// increment or multiplier, two are the proof.
const leastRun = 4

// knownLCG tries the published multipliers with any increment.
func knownLCG(run []Number) (Generator, bool) {
	for _, k := range multipliers {
		c := submod(uint64(run[1].X), mulmod(k.a, uint64(run[0].X), k.m), k.m)
		if proofs, ok := followsLCG(run, k.a, c, k.m); ok {
			name := fmt.Sprintf("lcg (%s, a=%d c=%d m=%d)", k.name, k.a, c, k.m)
			return Generator{Name: name, Proofs: proofs, Next: lcgNext(k.a, c, k.m)}, true
		}
	}
	return Generator{}, false
}

// followsLCG reports whether every successor in the run is right, and how many
// that were not needed to find the generator.
func followsLCG(run []Number, a, c, m uint64) (proofs int, ok bool) {
	for i := 1; i < len(run); i++ {
		if uint64(run[i-1].X) >= m || addmod(mulmod(a, uint64(run[i-1].X), m), c, m) != uint64(run[i].X) {
			return 0, false
		}
	}
	return len(run) - 2, true
}

// lcgNext predicts with a full-state generator.
func lcgNext(a, c, m uint64) func([]Number) (craft.Seq, bool) {
	return func(h []Number) (craft.Seq, bool) {
		return craft.Seq(addmod(mulmod(a, uint64(h[len(h)-1].X), m), c, m)), true
	}
}

// mulmod, addmod and submod work modulo m up to 2^32; arguments below m.
func mulmod(a, b, m uint64) uint64 {
	hi, lo := bits.Mul64(a%m, b%m)
	_, rem := bits.Div64(hi%m, lo, m)
	return rem
}

func addmod(a, b, m uint64) uint64 { return (a%m + b%m) % m }

func submod(a, b, m uint64) uint64 { return (a%m + m - b%m) % m }

// binaryLCG finds any multiplier modulo 2^32. The difference with the fewest
// factors of two gives a to as many bits as all others can test.
func binaryLCG(run []Number) (Generator, bool) {
	if len(run) < leastRun+1 {
		return Generator{}, false
	}
	at, least := 0, 32
	for i := 0; i+2 < len(run); i++ {
		if z := bits.TrailingZeros32(uint32(run[i+1].X - run[i].X)); z < least {
			at, least = i, z
		}
	}
	if least > 8 {
		return Generator{}, false
	}
	d := uint32(run[at+1].X-run[at].X) >> least
	a := uint32(run[at+2].X-run[at+1].X) >> least * inverse32(d)
	if a == 1 {
		return Generator{}, false // a counter
	}
	proofs := 0
	for i := 0; i+2 < len(run); i++ {
		if a*uint32(run[i+1].X-run[i].X) != uint32(run[i+2].X-run[i+1].X) {
			return Generator{}, false
		}
		proofs++
	}
	name := fmt.Sprintf("lcg (a=%d m=2^32)", a)
	return Generator{Name: name, Proofs: proofs - 1, Next: differenceNext(a)}, true
}

// differenceNext predicts from the last difference; the increment cancels.
func differenceNext(a uint32) func([]Number) (craft.Seq, bool) {
	return func(h []Number) (craft.Seq, bool) {
		if len(h) < 2 || h[len(h)-1].K != h[len(h)-2].K+1 {
			return 0, false
		}
		last := h[len(h)-1].X
		return last.Add(a * uint32(last-h[len(h)-2].X)), true
	}
}

// inverse32 inverts an odd number modulo 2^32 (Newton; each round doubles the
// bits that are right).
func inverse32(d uint32) uint32 {
	x := d
	for range 5 {
		x *= 2 - d*x
	}
	return x
}

// anyLCG finds modulus, multiplier and increment from six states or more, all in
// one run or in several of four.
func anyLCG(runs [][]Number) (Generator, bool) {
	runs = slices.DeleteFunc(slices.Clone(runs), func(run []Number) bool { return len(run) < leastRun })
	if len(runs) == 0 {
		return Generator{}, false
	}
	g, most := determinants(runs)
	for f := int64(1); f <= mostChance; f++ {
		m, rest := new(big.Int).QuoRem(g, big.NewInt(f), new(big.Int))
		if rest.Sign() != 0 || !m.IsUint64() || m.Uint64() > 1<<32 {
			continue
		}
		if m.Uint64() <= most {
			break
		}
		if r, ok := lcgModulo(runs, m); ok {
			return r, true
		}
	}
	return Generator{}, false
}

// mostChance bounds the factor by which chance may enlarge the divisor.
const mostChance = 256

// lcgModulo solves two differences of the longest run for the multiplier, and
// asks all runs. Where all differences share a divisor with the modulus, the
// multiplier is known modulo their quotient only, which predicts as well.
func lcgModulo(runs [][]Number, m *big.Int) (Generator, bool) {
	run := slices.MaxFunc(runs, func(a, b []Number) int { return cmp.Compare(len(a), len(b)) })
	a, ok := multiplierModulo(difference(run, 0), difference(run, 1), m)
	if !ok {
		return Generator{}, false
	}
	mod := m.Uint64()
	c := submod(uint64(run[1].X), mulmod(a, uint64(run[0].X), mod), mod)
	proofs := -2
	for _, run := range runs {
		n, ok := followsLCG(run, a, c, mod)
		if !ok {
			return Generator{}, false
		}
		proofs += n
	}
	return Generator{Name: fmt.Sprintf("lcg (a=%d c=%d m=%d)", a, c, mod), Proofs: proofs, Next: lcgNext(a, c, mod)}, proofs > 0
}

// multiplierModulo solves next = a·d modulo m.
func multiplierModulo(d, next, m *big.Int) (a uint64, ok bool) {
	d = new(big.Int).Mod(d, m)
	g := new(big.Int).GCD(nil, nil, d, m)
	if g.Sign() == 0 || new(big.Int).Mod(next, g).Sign() != 0 {
		return 0, false
	}
	rest := new(big.Int).Quo(m, g)
	inverse := new(big.Int).ModInverse(d.Quo(d, g), rest)
	if inverse == nil {
		return 0, false
	}
	inverse.Mul(inverse, new(big.Int).Quo(new(big.Int).Mod(next, m), g))
	return inverse.Mod(inverse, rest).Uint64(), true
}

// difference is the i-th difference of the run as a signed integer.
func difference(run []Number, i int) *big.Int {
	return big.NewInt(int64(run[i+1].X) - int64(run[i].X))
}

// determinants returns the greatest common divisor of d”·d − d'² over the runs,
// a multiple of the modulus, and the largest state, which the modulus exceeds.
func determinants(runs [][]Number) (g *big.Int, most uint64) {
	g = new(big.Int)
	for _, run := range runs {
		for i := range run {
			most = max(most, uint64(run[i].X))
		}
		for i := 0; i+3 < len(run); i++ {
			u := new(big.Int).Mul(difference(run, i+2), difference(run, i))
			square := difference(run, i+1)
			u.Sub(u, square.Mul(square, square))
			g.GCD(nil, nil, g, u.Abs(u))
		}
	}
	return g, most
}
