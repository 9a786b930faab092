package scan

// ticket is a place in the queue of probes that wait to be sent. Like a timer
// it is void once the probe's schedule has moved on.
type ticket struct{ id, schedule uint32 }

// queue is a first-in first-out ring of tickets.
type queue struct {
	ring []ticket // its length is a power of two
	head int
	n    int
}

func (q *queue) push(t ticket) {
	if q.n == len(q.ring) {
		q.grow()
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = t
	q.n++
}

func (q *queue) pushFirst(t ticket) {
	if q.n == len(q.ring) {
		q.grow()
	}
	q.head = (q.head - 1) & (len(q.ring) - 1)
	q.ring[q.head] = t
	q.n++
}

func (q *queue) pop() ticket {
	t := q.ring[q.head]
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	return t
}

func (q *queue) grow() {
	bigger := make([]ticket, max(2, 2*len(q.ring))) // most hosts have one port or two that wait
	for i := range q.n {
		bigger[i] = q.ring[(q.head+i)&(len(q.ring)-1)]
	}
	q.ring, q.head = bigger, 0
}
