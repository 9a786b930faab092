//go:build linux

package lab

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	defaultLimit     = 1 << 16
	defaultReorderBy = time.Millisecond
	maxSpare         = 1 << 12
	mostLate         = 10 * time.Second // that a wire's thread takes a frame in after its arrival
)

// simplex is one direction of a wire, which is full duplex. Only the wire's thread uses it, but for path.
type simplex struct {
	direction Direction
	from, to  *end
	path      atomic.Pointer[Path]
	harm      bool // neighbour discovery suffers too
	log       *ledger
	chance    *rand.Rand
	queue     schedule
	newest    time.Time // when the latest packet that keeps its place is due
	spare     []*flight // released, to be used again
	batch     []*flight // being released
}

func newSimplex(d Direction, from, to *end, path Path, harm bool, log *ledger, seed uint64) *simplex {
	l := &simplex{direction: d, from: from, to: to, harm: harm, log: log, chance: rand.New(rand.NewPCG(seed, 0))}
	l.path.Store(&path)
	return l
}

// flight is a frame in flight.
type flight struct {
	due    time.Time
	order  uint64 // breaks ties of due: first in, first out
	frame  []byte // virtio_net_hdr, Ethernet header, packet
	silent bool   // not recorded
	record PacketRecord
}

// receive takes in one batch of frames and returns how many there were.
func (l *simplex) receive() (int, error) {
	n, err := l.from.receive()
	if n == 0 || err != nil {
		return 0, err
	}
	now := time.Now()
	for i := range n {
		frame, stamp := l.from.frame(i)
		l.admit(frame, stamp, now)
	}
	return n, nil
}

// admit decides a frame's fate. Each packet takes the same number of draws
// whatever the path does, so a seed gives the same losses with any delay.
func (l *simplex) admit(frame []byte, stamp, now time.Time) {
	// The stamp is CLOCK_REALTIME's: only its distance from now is used, as far as it is
	// plausible of a thread that had to wait, so that a step of the clock stops no packet.
	in := now.Add(-min(max(now.Sub(stamp), 0), mostLate))
	if neighbourly(frame) && !l.harm {
		p := l.flight(frame)
		p.due, p.silent = in, true
		l.queue.push(p)
		return
	}
	path := l.path.Load()
	lost := l.chance.Float64() < path.Loss
	shift := time.Duration((2*l.chance.Float64() - 1) * float64(path.Jitter))
	twice := l.chance.Float64() < path.Duplicate
	late := l.chance.Float64() < path.Reorder

	p := l.flight(frame)
	p.due = in.Add(max(path.Delay+shift, 0))
	p.record = newRecord(l.direction, frame, stamp)
	switch {
	case lost || path.Lose != nil && path.Lose(network(frame)):
		p.record.Outcome = Lost
	case l.queue.len() >= path.limit():
		p.record.Outcome = Overflowed
	case late:
		p.record.Outcome = Reordered
		p.due = p.due.Add(path.reorderBy())
	default:
		p.due = latest(p.due, l.newest)
		l.newest = p.due
	}
	p.record.Due = stamp.Add(p.due.Sub(in))
	if p.record.Outcome == Lost || p.record.Outcome == Overflowed {
		l.settle(p)
		return
	}
	l.queue.push(p)
	if twice {
		again := l.flight(frame)
		again.due, again.record = p.due, p.record
		again.record.Outcome = Duplicated
		l.queue.push(again)
	}
}

func (p *Path) limit() int {
	if p.Limit == 0 {
		return defaultLimit
	}
	return p.Limit
}

func (p *Path) reorderBy() time.Duration {
	if p.ReorderBy == 0 {
		return defaultReorderBy
	}
	return p.ReorderBy
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// release sends what is due, one batch, and reports whether there was anything.
func (l *simplex) release() bool {
	now := time.Now()
	l.batch = l.batch[:0]
	for p := l.queue.first(); p != nil && len(l.batch) < batchSize && !p.due.After(now); p = l.queue.first() {
		l.batch = append(l.batch, l.queue.pop())
	}
	if len(l.batch) == 0 {
		return false
	}
	l.to.send(l.batch)
	for _, p := range l.batch {
		l.settle(p)
	}
	return true
}

// flight makes a flight with a copy of a frame.
func (l *simplex) flight(frame []byte) *flight {
	var p *flight
	if n := len(l.spare); n > 0 {
		p, l.spare = l.spare[n-1], l.spare[:n-1]
	} else {
		p = &flight{frame: make([]byte, 0, smallFrame)}
	}
	p.frame = append(p.frame[:0], frame...)
	p.silent = false
	return p
}

// settle enters a flight's record into the ledger and keeps the flight for use
// again, unless a large frame has made it heavy.
func (l *simplex) settle(p *flight) {
	if !p.silent {
		l.log.add(&p.record)
	}
	if cap(p.frame) == smallFrame && len(l.spare) < maxSpare {
		l.spare = append(l.spare, p)
	}
}
