package wire

import (
	"math"
	"time"

	"synscope/probe/internal/heap"
)

// Timer is a deadline of a probe; Schedule tells a current one from one that
// has been replaced.
type Timer struct {
	At       time.Duration
	ID       uint32
	Schedule uint32
}

// Before tells whether a deadline is earlier than another.
func (t Timer) Before(u Timer) bool { return t.At < u.At }

// Timers gives deadlines back in their order. Stale ones are not searched for: they surface
// and are skipped. Most deadlines are of a few kinds, each so long after the present: of
// one kind they come in order, and stand in a line; those that would break the order of each line are in
// a heap. A line is read from front to back, where each step in a heap of as many is another place in memory.
type Timers struct {
	lines [timerLines]timerLine
	heap  heap.Heap[Timer]
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
		h.heap.Push(t)
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
	return h.heap.Pop()
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
