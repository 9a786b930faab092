package simnet

import (
	"math"
	"time"
)

// event is a packet in flight, or a function a host asked to be called later.
type event struct {
	data []byte // of a packet
	from *Conn  // whose packet this is, or is the consequence of
	dir  Direction
	copy bool // the second of two

	call func(now time.Time, out Emitter) // nil for packets, and once stopped
}

// entry is an event's place in the schedule. Events at the same instant keep
// the order in which they were scheduled.
type entry struct {
	at    int64 // nanoseconds since the Net was made
	order uint64
	event *event
}

func (e entry) before(f entry) bool {
	return e.at < f.at || e.at == f.at && e.order < f.order
}

// schedule is a binary heap of entries, the earliest first. It is written out
// because container/heap would allocate for each entry.
type schedule []entry

const never = math.MaxInt64

// next is when the earliest event is due, or never.
func (s schedule) next() int64 {
	if len(s) == 0 {
		return never
	}
	return s[0].at
}

func (s *schedule) push(e entry) {
	*s = append(*s, e)
	h := *s
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
}

// pop removes the earliest entry of a schedule that is not empty.
func (s *schedule) pop() entry {
	h := *s
	first, last := h[0], h[len(h)-1]
	h[len(h)-1] = entry{}
	h = h[:len(h)-1]
	*s = h
	if len(h) > 0 {
		h.siftDown(last)
	}
	return first
}

// siftDown places e, starting from the free root.
func (s schedule) siftDown(e entry) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(s) {
			break
		}
		if child+1 < len(s) && s[child+1].before(s[child]) {
			child++
		}
		if !s[child].before(e) {
			break
		}
		s[i] = s[child]
		i = child
	}
	s[i] = e
}
