package wide

import (
	"net/netip"
	"slices"
	"time"

	"synscope/probe/internal/wire"
)

// whole knows when every target of a run has answered as a listener or as a closed port
// does: then further passes would tell nothing, and the run is over. It has a bit for
// each target, by its position, and is for plans that are not large and know the
// positions of targets. The zero value never knows.
type whole struct {
	plan TargetIndexer
	from uint64
	bits []uint64
	left uint64 // targets that have not answered
}

// mostWhole is how many targets a run may have to be looked at that way: 32 KiB.
const mostWhole = 1 << 18

func newWhole(c *Config) (w whole) {
	plan, known := c.Plan.(TargetIndexer)
	count := c.Plan.Count() - c.From
	if !known || count == 0 || count > mostWhole {
		return w
	}
	return whole{plan: plan, from: c.From, bits: make([]uint64, (count+63)/64), left: count}
}

// note takes in the answer of a target. What a router says may be of a moment, and is
// asked for again.
func (w *whole) note(target netip.AddrPort, r wire.Rank) {
	if w.left == 0 || r < wire.RankReset {
		return
	}
	at, planned := w.plan.Index(target)
	if !planned || at < w.from || at-w.from >= uint64(len(w.bits))*64 {
		return
	}
	at -= w.from
	if bit := uint64(1) << (at % 64); w.bits[at/64]&bit == 0 {
		w.bits[at/64] |= bit
		w.left--
	}
}

// answered tells whether every target from one position up to another has.
func (w *whole) answered(from, to uint64) bool {
	if w.bits == nil || from < w.from {
		return false
	}
	for at := from - w.from; at < to-w.from; at++ {
		if at/64 >= uint64(len(w.bits)) || w.bits[at/64]&(1<<(at%64)) == 0 {
			return false
		}
	}
	return true
}

// silent is how many targets from one position up to another have not answered.
func (w *whole) silent(from, to uint64) (n int) {
	for at := max(from, w.from) - w.from; at+w.from < to && at/64 < uint64(len(w.bits)); at++ {
		if w.bits[at/64]&(1<<(at%64)) == 0 {
			n++
		}
	}
	return n
}

// answeredBefore are the targets that had answered at some moment. The zero value has none.
type answeredBefore struct {
	from uint64
	bits []uint64
}

// snapshot are the targets that have answered by now.
func (w *whole) snapshot() answeredBefore { return answeredBefore{w.from, slices.Clone(w.bits)} }

// has tells whether the target at a position is among them.
func (a answeredBefore) has(at uint64) bool {
	i := at - a.from
	return i/64 < uint64(len(a.bits)) && a.bits[i/64]&(1<<(i%64)) != 0
}

func (w *whole) all() bool { return w.bits != nil && w.left == 0 }

// leastWatch is how long the last answer is watched where nothing tells how far the
// targets are.
const leastWatch = 200 * time.Millisecond

// rest lets no more probes leave as long as the last answer is watched: all targets have
// answered.
func (w *run) rest() {
	until := w.watched()
	w.sender.order(func(o *orders) { o.hold = until })
}

// answered tells whether all targets have answered, long enough ago that what is on the
// way has come, and everything is closed again.
func (w *run) answered() bool {
	return w.now >= w.watched() && !w.responses.any()
}

// watched is until when the last answer is watched, never where some are missing.
func (w *run) watched() time.Duration {
	if !w.whole.all() {
		return never
	}
	return w.lastNew + w.watch()
}
