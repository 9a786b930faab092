package isn

import "math"

// still is no growth at all: a group has one number (RFC 1948's hash without its
// clock), or, where generators are mixed, one each. With an echo the number is
// our own ISN and the constant, as in SYN cookies (RFC 4987 §3.6), which keep an
// index of the MSS in the lowest bits and count minutes above them.
type still struct {
	echo echo
}

// echo says how our own ISN is in a number.
type echo uint8

const (
	silent  echo = iota // it is not
	added               // plus a hash
	negated             // less, from a hash
	xored               // XORed with a hash
)

func (c still) value(p *point) uint32 {
	ours := uint32(p.sample.ClientISN.Value)
	switch c.echo {
	case added:
		return uint32(p.x) - ours
	case negated:
		return uint32(p.x) + ours
	case xored:
		return uint32(p.x) ^ ours
	}
	return uint32(p.x)
}

// The code of a cookie's number: mostly the one before, sometimes a neighbour
// that stands for another MSS, seldom one whose minute has moved on.
const (
	sameBits     = 0.3
	nearBits     = 6
	minuteBits   = 29
	minuteMoved  = 1 << 24
	nearestIndex = widestIndex
)

func (c still) price(_ *view, s *strand, p *point) (bits, miss float64) {
	d := int32(c.value(p) - uint32(s.center))
	switch {
	case d == 0 && c.echo == silent:
		return 0, 1
	case d == 0:
		return sameBits, 1
	case c.echo != added:
		return math.Inf(1), 0
	case d >= -nearestIndex && d <= nearestIndex:
		return nearBits, 1
	case uint32(d+minuteMoved) < 4*minuteMoved:
		return minuteBits, 1
	}
	return math.Inf(1), 0
}

func (c still) take(_ *view, s *strand, p *point) { s.center = float64(c.value(p)) }

func (c still) cost(*view) float64 { return 2 }

func (c still) fresh() growth { return c }

// stills are the constants and the cookies.
func stills(v *view) (list []*standing) {
	add := func(class Class, name string, key, moves factor, how echo, prior float64) {
		g := still{how}
		list = append(list, model{class: class, name: name, key: key, moves: moves, prior: prior}.by(g).fit(v))
	}
	for _, key := range v.tupleKeys() {
		if key == 0 {
			add(ClassConstant, "one number", key, 0, silent, 0)
			continue
		}
		add(ClassTupleConstant, "one number a tuple", key, 0, silent, 1)
	}
	if !v.varied(byClient) {
		return list
	}
	for _, key := range v.tupleKeys() {
		add(ClassSYNCookies, "our number plus a hash", key, byClient, added, 3)
		add(ClassSYNCookies, "a hash less our number", key, byClient, negated, 8)
		add(ClassSYNCookies, "our number XORed with a hash", key, byClient, xored, 8)
	}
	for _, key := range v.keys(byTuple, byTuple|byOptions, byTuple|byClient, byTuple|byClient|byOptions)[1:] {
		add(ClassSYNCookies, "a hash of the SYN", key, 0, silent, 6)
	}
	return list
}
