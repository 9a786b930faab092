package weak

import (
	"fmt"

	"synscope/craft"
)

// xorshifts64 are the 64-bit generators that are tried (Marsaglia 2003): shifts
// to the left, or where negative to the right, 0 for none.
var xorshifts64 = []shifts{{13, -7, 17}, {7, -9, 0}}

// symbolic is a 64-bit state of which each bit is the XOR of those bits of a
// first, unknown state that its mask names.
type symbolic [64]uint64

// unknownState is the first state itself.
func unknownState() (s symbolic) {
	for i := range s {
		s[i] = 1 << i
	}
	return s
}

// shift is x ^= x << n, or x >> -n.
func (s *symbolic) shift(n int) {
	was := *s
	for i := range s {
		if from := i - n; n != 0 && from >= 0 && from < len(s) {
			s[i] ^= was[from]
		}
	}
}

// step applies a generator once.
func (s *symbolic) step(g shifts) {
	for _, n := range g {
		s.shift(n)
	}
}

// parity is one equation: the XOR of the masked bits.
type parity struct {
	mask uint64
	bit  uint32
}

// state64 is what equations tell of a state, by the lowest bit of their masks.
type state64 map[uint64]parity

// reduce takes out what is known already.
func (k state64) reduce(p parity) parity {
	for p.mask != 0 {
		known, ok := k[p.mask&-p.mask]
		if !ok {
			break
		}
		p.mask ^= known.mask
		p.bit ^= known.bit
	}
	return p
}

// learn enters an equation. It returns whether that followed from others, and
// whether it agrees with them.
func (k state64) learn(p parity) (known, agrees bool) {
	p = k.reduce(p)
	if p.mask != 0 {
		k[p.mask&-p.mask] = p
		return false, true
	}
	return true, p.bit == 0
}

// solve64 reads numbers as the upper or lower halves of a generator's states. It
// returns what that tells of the first state, the state that comes next, and how
// many bits followed from others.
func (g shifts) solve64(run []Number, offset int) (k state64, next symbolic, proofs int, ok bool) {
	k, next = make(state64), unknownState()
	for _, p := range run {
		for bit := range 32 {
			known, agrees := k.learn(parity{next[offset+bit], uint32(p.X>>bit) & 1})
			if !agrees {
				return nil, next, 0, false
			}
			if known {
				proofs++
			}
		}
		next.step(g)
	}
	return k, next, proofs, true
}

// xorshift64 finds numbers that are halves of 64-bit states.
func xorshift64(run []Number) (Generator, bool) {
	for _, g := range xorshifts64 {
		for _, offset := range []int{0, 32} {
			_, _, proofs, ok := g.solve64(run, offset)
			if ok && proofs >= 32 {
				name := fmt.Sprintf("xorshift64 %v, %s half", g, map[int]string{0: "lower", 32: "upper"}[offset])
				return Generator{Name: name, Proofs: proofs / 32, Next: g.predict64(offset)}, true
			}
		}
	}
	return Generator{}, false
}

// predict64 solves the history's last states and takes one step more.
func (g shifts) predict64(offset int) func([]Number) (craft.Seq, bool) {
	return func(h []Number) (x craft.Seq, ok bool) {
		h = h[max(0, len(h)-6):]
		if h[len(h)-1].K-h[0].K != len(h)-1 {
			return 0, false
		}
		k, next, _, ok := g.solve64(h, offset)
		for bit := range 32 {
			p := k.reduce(parity{mask: next[offset+bit]})
			if !ok || p.mask != 0 {
				return 0, false
			}
			x |= craft.Seq(p.bit) << bit
		}
		return x, true
	}
}
