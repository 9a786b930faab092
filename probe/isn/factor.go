package isn

import (
	"net/netip"
	"strings"
)

// factor is a set of the things that may move a number.
type factor uint8

// The factors. What varies between two SYNs is one of the first four, or time.
const (
	byPort factor = 1 << iota
	byAddress
	byClient
	byOptions
	byTime

	byTuple = byPort | byAddress
)

// factorNames are the words of the records, in the order of the factors.
var factorNames = []string{"port", "address", "client_isn", "options", "time"}

// names lists the factors of a set in the words of the records.
func (f factor) names() (list []string) {
	for i, name := range factorNames {
		if f>>i&1 == 1 {
			list = append(list, name)
		}
	}
	return list
}

func (f factor) String() string { return strings.Join(f.names(), "+") }

// level is what a sample has of the factors in a set.
type level struct {
	tuple  int // one more than its number, where the set holds the whole tuple
	src    netip.Addr
	port   Opt[uint16]
	client Opt[uint32]
	offer  Opt[Offer]
}

// levelOf reads a point's level.
func (f factor) levelOf(p *point) (l level) {
	s := p.sample
	switch {
	case f&byTuple == byTuple:
		l.tuple = p.tuple + 1
	case f&byAddress != 0:
		l.src = s.Src
	case f&byPort != 0:
		l.port = s.SrcPort
	}
	if f&byClient != 0 {
		l.client = Opt[uint32]{uint32(s.ClientISN.Value), s.ClientISN.OK}
	}
	if f&byOptions != 0 {
		l.offer = s.Offer
	}
	return l
}

// groups numbers the levels of a set of factors, and says which each point has.
// Points of one group share an offset under a model with that key.
func (v *view) groups(key factor) *partition {
	if v.partitions == nil {
		v.partitions = make(map[factor]*partition)
	}
	if p := v.partitions[key]; p != nil {
		return p
	}
	p := &partition{of: make([]int, len(v.points))}
	if key == byTuple {
		v.partitions[key] = p.byNumber(v)
		return p
	}
	ids := make(map[level]int)
	for i := range v.points {
		l := key.levelOf(&v.points[i])
		id, ok := ids[l]
		if !ok {
			id = p.n
			ids[l] = id
			p.n++
		}
		p.of[i] = id
	}
	v.partitions[key] = p
	return p
}

// byNumber parts the points by their tuples' numbers.
func (p *partition) byNumber(v *view) *partition {
	for i := range v.points {
		p.of[i] = v.points[i].tuple
	}
	p.n = len(v.tuples)
	return p
}

// partition says to which of n groups each point belongs.
type partition struct {
	of []int
	n  int
}

// members lists the points of each group, in order of time.
func (p *partition) members(points []point) [][]point {
	out := make([][]point, p.n)
	for i, g := range p.of {
		out[g] = append(out[g], points[i])
	}
	return out
}

// indexes lists the points' indexes of each group, in order of time.
func (p *partition) indexes() [][]int {
	out := make([][]int, p.n)
	for i, g := range p.of {
		out[g] = append(out[g], i)
	}
	return out
}

// varied reports whether the samples have more than one level of the factor.
func (v *view) varied(f factor) bool { return v.groups(f).n > 1 }
