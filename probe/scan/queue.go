package scan

// ticket is a place in the queue of probes that wait to be sent. Like a timer
// it is void once the probe's schedule has moved on. A port that was never probed has no
// record: its ticket tells its number instead.
type ticket struct{ id, schedule uint32 }

// queue holds tickets, first in, first out. Most hosts have one that waits, or none:
// it needs no memory of its own.
type queue struct {
	rest  *ring // behind the first; nil while there never was any
	first ticket
	n     int32
}

func (q *queue) push(t ticket) {
	if q.n++; q.n == 1 {
		q.first = t
		return
	}
	q.behind().push(t)
}

func (q *queue) pushFirst(t ticket) {
	if q.n++; q.n > 1 {
		q.behind().pushFirst(q.first)
	}
	q.first = t
}

func (q *queue) pop() ticket {
	t := q.first
	if q.n--; q.n > 0 {
		q.first = q.rest.pop()
	}
	return t
}

// each changes the tickets, from the first to the last.
func (q *queue) each(change func(ticket) ticket) {
	if q.n > 0 {
		q.first = change(q.first)
	}
	for i := range int(q.n) - 1 {
		t := q.rest.at(i)
		*t = change(*t)
	}
}

func (q *queue) behind() *ring {
	if q.rest == nil {
		q.rest = new(ring)
	}
	return q.rest
}

// ring is a first-in first-out ring of tickets.
type ring struct {
	all  []ticket // its length is a power of two
	head int
	n    int
}

func (q *ring) at(i int) *ticket { return &q.all[(q.head+i)&(len(q.all)-1)] }

func (q *ring) push(t ticket) {
	if q.n == len(q.all) {
		q.grow()
	}
	*q.at(q.n) = t
	q.n++
}

func (q *ring) pushFirst(t ticket) {
	if q.n == len(q.all) {
		q.grow()
	}
	q.head = (q.head - 1) & (len(q.all) - 1)
	q.all[q.head] = t
	q.n++
}

func (q *ring) pop() ticket {
	t := q.all[q.head]
	q.head = (q.head + 1) & (len(q.all) - 1)
	q.n--
	return t
}

func (q *ring) grow() {
	bigger := make([]ticket, max(4, 2*len(q.all)))
	for i := range q.n {
		bigger[i] = *q.at(i)
	}
	q.all, q.head = bigger, 0
}
