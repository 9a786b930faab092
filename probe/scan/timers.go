package scan

import "time"

// timer is a deadline of a probe; schedule tells a current one from one that
// has been replaced.
type timer struct {
	at       time.Duration
	id       uint32
	schedule uint32
}

// timers is a binary min-heap of deadlines. Stale ones are not searched for:
// they surface and are skipped.
type timers []timer

func (h *timers) push(t timer) {
	s := append(*h, t)
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if s[parent].at <= t.at {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = t
	*h = s
}

func (h *timers) pop() timer {
	s := *h
	top, last := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	if len(s) > 0 {
		s.sink(last)
	}
	*h = s
	return top
}

// sink puts t into the place of the removed root.
func (h timers) sink(t timer) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].at < h[child].at {
			child++
		}
		if t.at <= h[child].at {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = t
}
