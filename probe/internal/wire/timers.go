package wire

import "time"

// Timer is a deadline of a probe; Schedule tells a current one from one that
// has been replaced.
type Timer struct {
	At       time.Duration
	ID       uint32
	Schedule uint32
}

// Timers is a binary min-heap of deadlines. Stale ones are not searched for:
// they surface and are skipped.
type Timers []Timer

func (h *Timers) Push(t Timer) {
	s := append(*h, t)
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if s[parent].At <= t.At {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = t
	*h = s
}

func (h *Timers) Pop() Timer {
	s := *h
	top, last := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	if len(s) > 0 {
		s.siftDown(last)
	}
	*h = s
	return top
}

// siftDown puts t into the place of the removed root.
func (h Timers) siftDown(t Timer) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].At < h[child].At {
			child++
		}
		if t.At <= h[child].At {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = t
}
