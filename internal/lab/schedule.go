//go:build linux

package lab

// schedule is a priority queue of flights: a binary heap by due time, then by
// order of arrival. The zero value is empty.
type schedule struct {
	heap  []*flight
	count uint64
}

func (s *schedule) len() int { return len(s.heap) }

// first is the flight that is due first, or nil. It stays in the queue.
func (s *schedule) first() *flight {
	if len(s.heap) == 0 {
		return nil
	}
	return s.heap[0]
}

func (s *schedule) push(p *flight) {
	p.order = s.count
	s.count++
	s.heap = append(s.heap, p)
	for i := len(s.heap) - 1; i > 0 && s.before(i, (i-1)/2); i = (i - 1) / 2 {
		s.swap(i, (i-1)/2)
	}
}

// pop removes the first flight of a queue that is not empty.
func (s *schedule) pop() *flight {
	p, last := s.heap[0], len(s.heap)-1
	s.heap[0] = s.heap[last]
	s.heap[last] = nil
	s.heap = s.heap[:last]
	for i := 0; ; {
		child := s.earlierChild(i)
		if child < 0 || s.before(i, child) {
			return p
		}
		s.swap(i, child)
		i = child
	}
}

// earlierChild is the index of i's child that is due first, or -1.
func (s *schedule) earlierChild(i int) int {
	left, right := 2*i+1, 2*i+2
	switch {
	case left >= len(s.heap):
		return -1
	case right < len(s.heap) && s.before(right, left):
		return right
	}
	return left
}

func (s *schedule) before(i, j int) bool {
	a, b := s.heap[i], s.heap[j]
	if a.due.Equal(b.due) {
		return a.order < b.order
	}
	return a.due.Before(b.due)
}

func (s *schedule) swap(i, j int) { s.heap[i], s.heap[j] = s.heap[j], s.heap[i] }
