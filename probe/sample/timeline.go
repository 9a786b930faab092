package sample

import (
	"time"

	"synscope/probe/internal/wire"
)

// timeline takes steps of the wall clock, whose stamps the kernel puts on
// packets, out of the times of a run: they are told as if nobody had set it.
// Slewing is left in, since it makes the clock run right.
type timeline struct{ start time.Time }

// settled is the inaccuracy of reading two clocks.
const settled = 100 * time.Microsecond

// stamp is t, of the wall clock as it was at a reading, in nanoseconds.
func (l timeline) stamp(t time.Time, at wire.Reading) int64 {
	set := at.Wall.Sub(l.start.Add(at.Now))
	if set.Abs() <= settled {
		set = 0
	}
	return t.UnixNano() - int64(set)
}
