package wide

import (
	"math"
	"net/netip"
	"sync"
	"time"

	"synscope/craft"
	"synscope/probe/internal/wire"
)

const (
	// chunkSize is how many probes are made ready at once, and the most that
	// leave in one call.
	chunkSize = 8192
	chunks    = 2 // of each lane: one being made, the other ready or being sent
	mostLanes = 4 // of all cursors together
)

// chunk is a stretch of the plan, ready to be sent but for the clock.
type chunk struct {
	fields     []craft.Fields
	first, end uint64 // positions; as many as fields, but for targets without a route
}

// cursor is one walk along the whole plan: attempt n of every target. Several
// walks follow each other at a distance in time, which makes several probes a
// target with spacing, in no memory. Its probes are made ahead of the sending,
// in lanes that take turns with the chunks, each by a goroutine of its own.
type cursor struct {
	attempt  int
	lanes    []stamperQueue
	turn     int    // whose chunk is being sent
	chunk    *chunk // being sent, nil before the first and after the last
	used     int    // of its fields
	finished bool

	mu    sync.Mutex // guards what others look at
	trail trail      // everything before its last position has been sent
	lost  uint64     // targets without a route
}

// stamperQueue takes chunks to a stamper and back.
type stamperQueue struct{ ready, empty chan *chunk }

func newCursor(attempt, lanes int, from uint64, horizon time.Duration) *cursor {
	c := &cursor{attempt: attempt, turn: lanes - 1, trail: newTrail(horizon, from)}
	for range lanes {
		l := stamperQueue{make(chan *chunk, chunks), make(chan *chunk, chunks)}
		for range chunks {
			l.empty <- &chunk{}
		}
		c.lanes = append(c.lanes, l)
	}
	return c
}

// peek is up to n of the next probes; none at the end of the plan.
func (c *cursor) peek(n int) []craft.Fields {
	for !c.finished && (c.chunk == nil || c.used == len(c.chunk.fields)) {
		c.turnOver()
	}
	if c.finished {
		return nil
	}
	rest := c.chunk.fields[c.used:]
	return rest[:min(n, len(rest))]
}

func (c *cursor) turnOver() {
	if c.chunk != nil {
		c.lanes[c.turn].empty <- c.chunk
	}
	c.turn = (c.turn + 1) % len(c.lanes)
	var more bool
	c.chunk, more = <-c.lanes[c.turn].ready
	c.used, c.finished = 0, !more
	if more && len(c.chunk.fields) == 0 {
		c.advance(0, c.trail.last.at)
	}
}

// position is before which everything has been sent.
func (c *cursor) position() uint64 { return c.reached(math.MaxInt64) }

// reached is how far the cursor had come by a moment.
func (c *cursor) reached(by time.Duration) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trail.by(by)
}

// advance books n probes that have been sent, or that the kernel refused.
func (c *cursor) advance(n int, now time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used += n
	lost := c.chunk.end - c.chunk.first - uint64(len(c.chunk.fields))
	switch {
	case c.used == len(c.chunk.fields):
		c.lost += lost
		c.trail.reach(now, c.chunk.end)
	case lost == 0:
		c.trail.reach(now, c.chunk.first+uint64(c.used))
	}
}

// stamper makes the probes of one lane.
type stamper struct {
	plan    Targets
	cookie  wire.Cookie
	sources sources
	port    uint16 // of ours
	attempt int
	acks    bool // the probe carries an acknowledgment number
	targets [fillAtOnce]netip.AddrPort
}

// run fills the lane's chunks, the first from a position and the others step
// apart, until the plan ends or stop is closed.
func (s *stamper) run(l stamperQueue, from, step uint64, stop <-chan struct{}) {
	defer close(l.ready)
	for end := s.plan.Count(); from < end; from += min(step, end-from) {
		select {
		case chunk := <-l.empty:
			chunk.first, chunk.end = from, from+min(chunkSize, end-from)
			s.fill(chunk)
			l.ready <- chunk
		case <-stop:
			return
		}
	}
}

// fillAtOnce is how many targets are asked of a plan at a time.
const fillAtOnce = 256

func (s *stamper) fill(c *chunk) {
	if c.fields == nil {
		c.fields = make([]craft.Fields, 0, c.end-c.first)
	}
	c.fields = c.fields[:0]
	for i := c.first; i < c.end; {
		targets := s.targets[:min(fillAtOnce, c.end-i)]
		s.ask(i, targets)
		for _, target := range targets {
			if source, ok := s.sources.towards(target.Addr()); ok {
				c.fields = append(c.fields, s.stamp(source, target))
			}
		}
		i += uint64(len(targets))
	}
}

// ask has the plan name targets, from number first on.
func (s *stamper) ask(first uint64, into []netip.AddrPort) {
	if filler, ok := s.plan.(TargetFiller); ok {
		filler.Fill(first, into)
		return
	}
	for i := range into {
		into[i] = s.plan.At(first + uint64(i))
	}
}

// stamp is one probe. Its TSval is the offset to which the clock is added when
// it is sent: one of its own for each transmission, as stacks have one for each
// connection (RFC 7323 §5.4), and found again from the cookie.
func (s *stamper) stamp(source netip.Addr, target netip.AddrPort) craft.Fields {
	src := netip.AddrPortFrom(source, s.port)
	n := s.cookie.Numbers(src, target, s.attempt)
	f := craft.Fields{Src: src, Dst: target, Seq: n.Seq, ID: n.IpID(), TSval: uint32(n.Ack)}
	if s.acks {
		f.Ack = n.Ack
	}
	return f
}
