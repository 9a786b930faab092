package flow

// store keeps records in blocks, so that they neither move nor cost an
// allocation each. Numbers begin with 1.
type store[T any] struct {
	blocks [][]T
	free   []uint32
	next   uint32
	used   int
}

// blockLen is how many records a block has.
const blockLen = 1 << 10

// take returns the number of an unused record, which is zero.
func (s *store[T]) take() uint32 {
	s.used++
	if n := len(s.free); n > 0 {
		at := s.free[n-1]
		s.free = s.free[:n-1]
		return at
	}
	s.next++
	if int(s.next/blockLen) == len(s.blocks) {
		s.blocks = append(s.blocks, make([]T, blockLen))
	}
	return s.next
}

func (s *store[T]) at(n uint32) *T { return &s.blocks[n/blockLen][n%blockLen] }

// give returns a record, which is cleared.
func (s *store[T]) give(n uint32) {
	var zero T
	*s.at(n) = zero
	s.free = append(s.free, n)
	s.used--
}

// links are the neighbours of a record in the order of silence.
type links struct{ older, newer ref }

// queue is a list of records in the order in which they were last heard of,
// linked through themselves. The zero queue is empty.
type queue struct{ first, last ref }

// push appends a record; of finds the links of any.
func (q *queue) push(r ref, of func(ref) *links) {
	l := of(r)
	l.older, l.newer = q.last, noRef
	if q.last == noRef {
		q.first = r
	} else {
		of(q.last).newer = r
	}
	q.last = r
}

func (q *queue) remove(r ref, of func(ref) *links) {
	l := of(r)
	if l.older == noRef {
		q.first = l.newer
	} else {
		of(l.older).newer = l.newer
	}
	if l.newer == noRef {
		q.last = l.older
	} else {
		of(l.newer).older = l.older
	}
	l.older, l.newer = noRef, noRef
}
