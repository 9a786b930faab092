package wire

import (
	"math"
	"time"
)

// Timer is a deadline of a probe; Schedule tells a current one from one that
// has been replaced.
type Timer struct {
	At       time.Duration
	ID       uint32
	Schedule uint32
}

// Timers gives deadlines back in their order. Stale ones are not searched for: they surface
// and are skipped. Most deadlines are of a few kinds, each so long after the present: of
// one kind they come in order, and stand in a line; those that would break the order of each line are in
// a heap. A line is read from front to back, where each step in a heap of as many is another place in memory.
type Timers struct {
	lines [timerLines]timerLine
	heap  timerHeap
}

// timerLines are as many as kinds of deadlines may stand: until the next transmission, until the last
// is given up, and until nothing better than an answer is waited for.
const timerLines = 3

// Push adds a deadline.
func (h *Timers) Push(t Timer) {
	var best *timerLine
	for i := range h.lines {
		l := &h.lines[i]
		if l.fits(t) && (best == nil || l.last() > best.last()) {
			best = l
		}
	}
	if best == nil {
		h.heap.push(t)
		return
	}
	best.push(t)
}

// Next is the earliest deadline, which stays; ok is false where there is none.
func (h *Timers) Next() (t Timer, ok bool) {
	if l := h.earliest(); l != nil {
		return l.all[l.head], true
	}
	if len(h.heap) == 0 {
		return t, false
	}
	return h.heap[0], true
}

// Pop takes out the earliest; there must be one.
func (h *Timers) Pop() Timer {
	if l := h.earliest(); l != nil {
		return l.pop()
	}
	return h.heap.pop()
}

// Due takes out the earliest if its time has come.
func (h *Timers) Due(now time.Duration) (t Timer, ok bool) {
	if t, ok = h.Next(); !ok || t.At > now {
		return Timer{}, false
	}
	return h.Pop(), true
}

// earliest is the line whose front is the earliest deadline; nil: that is in the heap.
func (h *Timers) earliest() (first *timerLine) {
	var at time.Duration
	if len(h.heap) > 0 {
		at = h.heap[0].At
	}
	for i := range h.lines {
		l := &h.lines[i]
		if l.empty() || (first != nil || len(h.heap) > 0) && l.all[l.head].At >= at {
			continue
		}
		first, at = l, l.all[l.head].At
	}
	return first
}

// timerLine are deadlines none of which is earlier than the one before it.
type timerLine struct {
	all  []Timer
	head int // what is before it was taken out
}

func (l *timerLine) empty() bool { return l.head == len(l.all) }

// last is the latest deadline, the earliest there is where the line is empty.
func (l *timerLine) last() time.Duration {
	if l.empty() {
		return math.MinInt64
	}
	return l.all[len(l.all)-1].At
}

func (l *timerLine) fits(t Timer) bool { return l.last() <= t.At }

func (l *timerLine) push(t Timer) {
	if len(l.all) == cap(l.all) && l.head >= len(l.all)/2 { // room enough, once what was taken out is gone
		l.all, l.head = l.all[:copy(l.all, l.all[l.head:])], 0
	}
	l.all = append(l.all, t)
}

func (l *timerLine) pop() Timer {
	t := l.all[l.head]
	l.head++
	return t
}

// timerHeap is a binary min-heap.
type timerHeap []Timer

func (h *timerHeap) push(t Timer) {
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

func (h *timerHeap) pop() Timer {
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
func (h timerHeap) siftDown(t Timer) {
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
