package weak

import (
	"math/big"
	"slices"
)

// lattice is a basis, one integer vector a row, of a lattice of full rank.
// Arithmetic is exact: the bases are small and reduced once.
type lattice [][]*big.Int

// newLattice returns a basis of zeros.
func newLattice(n int) lattice {
	l := make(lattice, n)
	for i := range l {
		l[i] = make([]*big.Int, n)
		for j := range l[i] {
			l[i][j] = new(big.Int)
		}
	}
	return l
}

// rational is an exact vector.
type rational []*big.Rat

// toRational copies an integer vector.
func toRational(v []*big.Int) rational {
	out := make(rational, len(v))
	for i, x := range v {
		out[i] = new(big.Rat).SetInt(x)
	}
	return out
}

// dot is the inner product.
func (v rational) dot(w rational) *big.Rat {
	sum := new(big.Rat)
	for i := range v {
		sum.Add(sum, new(big.Rat).Mul(v[i], w[i]))
	}
	return sum
}

// subtract takes c times w off v.
func (v rational) subtract(c *big.Rat, w rational) {
	for i := range v {
		v[i].Sub(v[i], new(big.Rat).Mul(c, w[i]))
	}
}

// orthogonal is the Gram–Schmidt basis of the rows.
func (l lattice) orthogonal() []rational {
	out := make([]rational, len(l))
	for i, row := range l {
		out[i] = toRational(row)
		v := toRational(row)
		for _, o := range out[:i] {
			out[i].subtract(ratio(v, o), o)
		}
	}
	return out
}

// ratio is v's coefficient along o.
func ratio(v, o rational) *big.Rat {
	return new(big.Rat).Quo(v.dot(o), o.dot(o))
}

// round is the nearest integer.
func round(r *big.Rat) *big.Int {
	twice := new(big.Int).Lsh(r.Num(), 1)
	twice.Add(twice, r.Denom())
	return twice.Div(twice, new(big.Int).Lsh(r.Denom(), 1))
}

// lovasz is the constant of the reduction's exchange condition.
var lovasz = big.NewRat(3, 4)

// reduce returns a basis of short vectors of the same lattice (Lenstra,
// Lenstra, Lovász 1982). It changes l.
func (l lattice) reduce() lattice {
	for k := 1; k < len(l); {
		o := l.orthogonal()
		for j := k - 1; j >= 0; j-- {
			l.shorten(k, round(ratio(toRational(l[k]), o[j])), j)
		}
		mu := ratio(toRational(l[k]), o[k-1])
		bound := new(big.Rat).Sub(lovasz, new(big.Rat).Mul(mu, mu))
		if o[k].dot(o[k]).Cmp(bound.Mul(bound, o[k-1].dot(o[k-1]))) >= 0 {
			k++
			continue
		}
		l[k], l[k-1] = l[k-1], l[k]
		k = max(k-1, 1)
	}
	return l
}

// shorten takes c times row j off row k.
func (l lattice) shorten(k int, c *big.Int, j int) {
	for i := range l[k] {
		l[k][i].Sub(l[k][i], new(big.Int).Mul(c, l[j][i]))
	}
}

// planes is a reduced basis with its Gram–Schmidt basis.
type planes struct {
	basis      lattice
	orthogonal []rational
}

// nearest returns the lattice point that the nearest planes lead to from the
// target (Babai 1986).
func (p planes) nearest(target []*big.Int) []*big.Int {
	rest := toRational(target)
	point := make([]*big.Int, len(target))
	for i := range point {
		point[i] = new(big.Int)
	}
	for k, o := range slices.Backward(p.orthogonal) {
		c := round(ratio(rest, o))
		rest.subtract(new(big.Rat).SetInt(c), toRational(p.basis[k]))
		for i := range point {
			point[i].Add(point[i], new(big.Int).Mul(c, p.basis[k][i]))
		}
	}
	return point
}
