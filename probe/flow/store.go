package flow

// store keeps records in blocks, so that they neither move nor cost an
// allocation each. Blocks without records are given back, but one is kept, so that
// a record that comes and goes does not allocate a block each time. Numbers begin with 1.
type store[T any] struct {
	blocks []*block[T] // nil: given back
	spare  *block[T]   // of the latest that was given back: all its records are zero
	open   []uint32    // numbers of blocks that may have room
	gone   []uint32    // numbers of blocks that were given back
	used   int
}

// blockLen is how many records a block has.
const blockLen = 1 << 10

type block[T any] struct {
	records []T      // of their own, so that blocks are whole pages
	free    []uint16 // among those before next
	next    uint16   // the first that was never used
	used    uint16
	listed  bool // among the open ones
}

func (b *block[T]) full() bool { return b.next == blockLen && len(b.free) == 0 }

// take returns the number of an unused record, which is zero.
func (s *store[T]) take() uint32 {
	s.used++
	for len(s.open) > 0 {
		last := len(s.open) - 1
		n := s.open[last]
		if b := s.blocks[n]; b != nil && b.listed && !b.full() {
			return n*blockLen + uint32(b.take()) + 1
		} else if b != nil {
			b.listed = false
		}
		s.open = s.open[:last]
	}
	n := s.fresh()
	s.blocks[n] = s.empty()
	s.open = append(s.open, n)
	return n*blockLen + uint32(s.blocks[n].take()) + 1
}

// empty is a block without records.
func (s *store[T]) empty() *block[T] {
	if b := s.spare; b != nil {
		s.spare = nil
		*b = block[T]{records: b.records, free: b.free[:0], listed: true}
		return b
	}
	return &block[T]{records: make([]T, blockLen), listed: true}
}

// fresh is the number of a block that is not there.
func (s *store[T]) fresh() uint32 {
	if last := len(s.gone) - 1; last >= 0 {
		n := s.gone[last]
		s.gone = s.gone[:last]
		return n
	}
	s.blocks = append(s.blocks, nil)
	return uint32(len(s.blocks) - 1)
}

func (b *block[T]) take() (at uint16) {
	b.used++
	if last := len(b.free) - 1; last >= 0 {
		at = b.free[last]
		b.free = b.free[:last]
		return at
	}
	b.next++
	return b.next - 1
}

func (s *store[T]) at(n uint32) *T {
	return &s.blocks[(n-1)/blockLen].records[(n-1)%blockLen]
}

// give returns a record, which is cleared.
func (s *store[T]) give(n uint32) {
	var zero T
	i, at := (n-1)/blockLen, (n-1)%blockLen
	b := s.blocks[i]
	b.records[at] = zero
	b.used--
	s.used--
	if b.used == 0 {
		s.blocks[i], s.spare = nil, b
		s.gone = append(s.gone, i)
		return
	}
	b.free = append(b.free, uint16(at))
	if !b.listed {
		b.listed = true
		s.open = append(s.open, i)
	}
}

// links are the neighbours of a record in a [queue].
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
