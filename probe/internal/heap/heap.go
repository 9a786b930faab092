// Package heap is a binary heap of values that know their order. Unlike container/heap
// it allocates nothing for an element, and needs one method instead of five:
//
//	var h heap.Heap[entry] // entry.Before says which of two comes out first
//	h.Push(e)
//	if len(h) > 0 { first := h.Pop() }
package heap

// Ordered is what a heap holds. Before tells whether a value comes out before another;
// those that come neither before nor after one another come out in any order.
type Ordered[T any] interface{ Before(T) bool }

// Heap holds the first of its values at index 0. The zero value is empty.
type Heap[T Ordered[T]] []T

// Push adds a value.
func (h *Heap[T]) Push(v T) {
	s := append(*h, v)
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !v.Before(s[parent]) {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = v
	*h = s
}

// Pop takes out the first value of a heap that is not empty, and keeps no reference to it.
func (h *Heap[T]) Pop() T {
	s := *h
	last := len(s) - 1
	first, v := s[0], s[last]
	clear(s[last:])
	s = s[:last]
	if len(s) > 0 {
		s.sink(v)
	}
	*h = s
	return first
}

// sink puts v where it belongs below the free root.
func (h Heap[T]) sink(v T) {
	i := 0
	for child := 1; child < len(h); child = 2*i + 1 {
		if child+1 < len(h) && h[child+1].Before(h[child]) {
			child++
		}
		if !h[child].Before(v) {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = v
}
