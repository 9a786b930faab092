package simnet

import (
	"math"
	"time"

	"synscope/probe/internal/heap"
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

// Before tells whether an entry is due before another.
func (e entry) Before(f entry) bool {
	return e.at < f.at || e.at == f.at && e.order < f.order
}

// schedule holds entries, the earliest first.
type schedule = heap.Heap[entry]

const never = math.MaxInt64

// next is when the earliest event of a schedule is due, or never.
func next(s schedule) int64 {
	if len(s) == 0 {
		return never
	}
	return s[0].at
}
