package wide

import (
	"math"
	"sync"
	"time"

	"synscope/craft"
)

const (
	// chunkSize is how many probes are generated at once, and the most that
	// leave in one call.
	chunkSize = 8192
	chunks    = 2 // of each generator: one being filled, the other ready or being sent
	mostEach  = 4 // generators of all cursors together
)

// chunk is a run of consecutive probes, complete but for the clock.
type chunk struct {
	fields     []craft.Fields
	first, end uint64   // positions; as many as fields, but for targets without a route
	places     []uint64 // of the fields, where targets that have answered are left out
	answered   uint64   // of those
	onLink     bool     // some of the targets may need their link addresses resolved
}

// lost is how many targets have no route.
func (c *chunk) lost() uint64 { return c.end - c.first - uint64(len(c.fields)) - c.answered }

// at is the position of a field, or a lower one where targets without a route
// lie between.
func (c *chunk) at(i int) uint64 {
	switch {
	case i < len(c.places):
		return c.places[i]
	case c.lost() == 0 && len(c.places) == 0:
		return c.first + uint64(i)
	}
	return c.first
}

// cursor is one pass over the whole plan: attempt n of every target. Several
// passes follow each other at a distance in time, which makes several probes a
// target with spacing, in no memory. Its probes are generated ahead of the
// sending, by goroutines that take turns with the chunks.
type cursor struct {
	attempt  int
	queues   []chunkQueue
	turn     int    // whose chunk is being sent
	chunk    *chunk // being sent, nil before the first and after the last
	used     int    // of its fields
	finished bool

	mu    sync.Mutex // guards what others look at
	trail trail      // everything before its last position has been sent
	lost  uint64     // targets without a route
}

// chunkQueue takes chunks to a generator and back.
type chunkQueue struct{ ready, empty chan *chunk }

func newCursor(attempt, generators int, t trail) *cursor {
	c := &cursor{attempt: attempt, turn: generators - 1, trail: t}
	for range generators {
		q := chunkQueue{make(chan *chunk, chunks), make(chan *chunk, chunks)}
		for range chunks {
			q.empty <- &chunk{}
		}
		c.queues = append(c.queues, q)
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
		c.queues[c.turn].empty <- c.chunk
	}
	c.turn = (c.turn + 1) % len(c.queues)
	var more bool
	c.chunk, more = <-c.queues[c.turn].ready
	c.used, c.finished = 0, !more
	if more && len(c.chunk.fields) == 0 {
		c.advance(0, c.trail.last.at)
	}
}

// position is before which everything has been sent, or waits to be sent anew.
func (c *cursor) position() uint64 { return c.reached(math.MaxInt64) }

// reached is how far the cursor had come by a moment.
func (c *cursor) reached(by time.Duration) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trail.by(by)
}

// left is when the probe at a position was sent, or a little before.
func (c *cursor) left(position uint64) (at time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok = c.trail.passed(position)
	return at - c.trail.grain, ok
}

// when is when the probe at a position left, as exactly as is known.
func (c *cursor) when(position uint64) (at time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trail.when(position)
}

// advance books n probes that have been sent, or put off.
func (c *cursor) advance(n int, now time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used += n
	switch lost := c.chunk.lost(); {
	case c.used == len(c.chunk.fields):
		c.lost += lost
		c.trail.reach(now, c.chunk.end)
	case lost == 0:
		c.trail.reach(now, c.chunk.at(c.used))
	}
}
