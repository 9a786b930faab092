package target

import (
	"fmt"
	"iter"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// An Order is a Set shuffled: the pair with number perm(i) comes i-th.
type Order struct {
	set  *Set
	perm permutation
}

// Order returns the shuffle that belongs to seed. The same words, options and
// seed give the same order on every machine.
func (s *Set) Order(seed uint64) *Order {
	return &Order{s, newPermutation(s.last, seed)}
}

// At returns the pair that comes i-th, counted from 0. It panics unless
// there is one.
func (o *Order) At(i uint64) netip.AddrPort {
	if i > o.set.last {
		panic("target: position out of range")
	}
	return o.set.At(o.perm.at(i))
}

// fillAtOnce is how many numbers Fill works on at a time.
const fillAtOnce = 64

// Fill is At for the positions first, first+step, …, as many as into has room
// for. It takes half the time: a permutation is a chain of operations that wait
// for each other, and several chains, with nothing between them, run abreast.
func (o *Order) Fill(first, step uint64, into []netip.AddrPort) {
	var numbers [fillAtOnce]uint64
	for len(into) > 0 {
		some := numbers[:min(len(into), fillAtOnce)]
		for i := range some {
			if first > o.set.last {
				panic("target: position out of range")
			}
			some[i] = o.perm.at(first)
			first += step
		}
		for i, number := range some {
			into[i] = o.set.At(number)
		}
		into = into[len(some):]
	}
}

// Index is the inverse of At: when a pair comes.
func (o *Order) Index(pair netip.AddrPort) (i uint64, ok bool) {
	n, ok := o.set.Index(pair)
	if !ok {
		return 0, false
	}
	return o.perm.inverse(n), true
}

// All walks every pair once, in the order of seed, in constant memory.
func (s *Set) All(seed uint64) iter.Seq[netip.AddrPort] { return s.Shard(seed, 0, 1) }

// Shard walks one of count parts of the order of seed: the positions i with
// i mod count = index. The parts are disjoint, of equal size give or take one,
// and together the whole. It panics unless index < count.
func (s *Set) Shard(seed, index, count uint64) iter.Seq[netip.AddrPort] {
	return s.Resume(seed, index, count, 0)
}

// Resume walks a shard without its first done pairs.
func (s *Set) Resume(seed, index, count, done uint64) iter.Seq[netip.AddrPort] {
	if index >= count {
		panic("target: shard index out of range")
	}
	order := s.Order(seed)
	return func(yield func(netip.AddrPort) bool) {
		for i := range s.positions(index, count, done) {
			if !yield(order.At(i)) {
				return
			}
		}
	}
}

// Ordered walks every pair once, in ascending order, for people to read.
func (s *Set) Ordered() iter.Seq[netip.AddrPort] {
	return func(yield func(netip.AddrPort) bool) {
		for i := range s.positions(0, 1, 0) {
			if !yield(s.At(i)) {
				return
			}
		}
	}
}

// positions walks first+(skip+k)·step for k = 0, 1, … as far as the set goes.
func (s *Set) positions(first, step, skip uint64) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		if skip >= s.ShardCount(first, step) {
			return
		}
		for i := first + skip*step; yield(i) && s.last-i >= step; i += step {
		}
	}
}

// ShardCount returns how many pairs Shard walks, saturating like Count.
func (s *Set) ShardCount(index, count uint64) uint64 {
	if s.Count() == 0 || index > s.last {
		return 0
	}
	n := (s.last - index) / count
	if n == math.MaxUint64 {
		return n
	}
	return n + 1
}

// ParseShard reads "I/N", the I-th of N parts with 1 <= I <= N, and returns what
// Shard takes: an index counted from 0, and the count.
func ParseShard(text string) (index, count uint64, err error) {
	first, second, ok := strings.Cut(text, "/")
	i, errI := strconv.ParseUint(first, 10, 32)
	n, errN := strconv.ParseUint(second, 10, 32)
	if !ok || errI != nil || errN != nil || i < 1 || i > n {
		return 0, 0, &WordError{What: "shard", Word: text, Kind: ErrSyntax,
			Err: fmt.Errorf("a shard is I/N with I from 1 to N, such as 1/4")}
	}
	return i - 1, n, nil
}
