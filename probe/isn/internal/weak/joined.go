package weak

import (
	"fmt"

	"synscope/craft"
)

// rand() of many C libraries is a congruential generator of 32 bits that shows 15 of
// them, from bit 16 on, and a stack that wants 32 joins several. What one draw shows
// leaves the 16 bits below it to be tried: the bits above matter to nobody.

// field is where the lowest bits of one draw are in the number.
type field struct{ at, bits uint }

// joined is a generator whose draws are put side by side.
type joined struct {
	name   string
	a, c   uint32
	fields []field
}

// rands are the generators of C libraries.
var rands = []joined{
	{name: "ANSI C", a: 1103515245, c: 12345},
	{name: "Microsoft C", a: 214013, c: 2531011},
	{name: "Borland C", a: 22695477, c: 1},
}

// joints are how draws make a number: those of POSIX, ThreadX (NX_RAND twice) and others, and
// glibc's rand_r(), which joins three by itself.
var joints = [][]field{
	{{16, 15}, {0, 15}}, {{0, 15}, {16, 15}}, {{15, 15}, {0, 15}}, {{0, 15}, {15, 15}},
	{{16, 16}, {0, 15}}, {{0, 15}}, {{16, 15}}, {{17, 15}}, {{20, 11}, {10, 10}, {0, 10}},
}

// hiddenBits are those below what a draw shows.
const hiddenBits = 16

// leastJoined is how many direct successors tell the state and prove it.
const leastJoined = 4

// joinedRand looks for draws of rand() put side by side, where the numbers leave the
// bits clear that such a joint does.
func joinedRand(run []Number) (Generator, bool) {
	if len(run) < leastJoined {
		return Generator{}, false
	}
	for _, fields := range joints {
		for _, j := range rands {
			j.fields = fields
			if !j.covers(run) {
				break
			}
			if _, ok := j.solve(run); ok {
				name := fmt.Sprintf("rand() of %s, %d draws side by side", j.name, len(fields))
				return Generator{Name: name, Proofs: len(run) - 2, Next: j.next}, true
			}
		}
	}
	return Generator{}, false
}

// covers reports whether no number has a bit where the draws have none.
func (j joined) covers(run []Number) bool {
	var mask, seen uint32
	for _, f := range j.fields {
		mask |= (1<<f.bits - 1) << f.at
	}
	for _, n := range run {
		seen |= uint32(n.X)
	}
	return seen&^mask == 0
}

// from makes the number whose first draw left the state s, and the state after it.
func (j joined) from(s uint32) (x, after uint32) {
	for i, f := range j.fields {
		if i > 0 {
			s = s*j.a + j.c
		}
		x |= s >> hiddenBits & (1<<f.bits - 1) << f.at
	}
	return x, s
}

// solve finds the state after the run, of which all numbers must come out right.
func (j joined) solve(run []Number) (state uint32, ok bool) {
	top := j.fields[0]
	shown := uint32(run[0].X) >> top.at & (1<<top.bits - 1) << hiddenBits
	for low := range uint32(1 << hiddenBits) {
		if s, ok := j.follows(run, shown|low); ok {
			return s, true
		}
	}
	return 0, false
}

// follows reports whether the run begins with the state s after its first draw, and what
// the state is at its end.
func (j joined) follows(run []Number, s uint32) (uint32, bool) {
	for i := range run {
		x, after := j.from(s)
		if x != uint32(run[i].X) {
			return 0, false
		}
		if s = after; i < len(run)-1 {
			s = s*j.a + j.c
		}
	}
	return s, true
}

// next solves the last direct successors and draws once more.
func (j joined) next(h []Number) (craft.Seq, bool) {
	from := len(h) - 1
	for from > 0 && len(h)-from < leastJoined && h[from].K == h[from-1].K+1 {
		from--
	}
	if len(h)-from < leastJoined {
		return 0, false
	}
	s, ok := j.solve(h[from:])
	x, _ := j.from(s*j.a + j.c)
	return craft.Seq(x), ok
}
