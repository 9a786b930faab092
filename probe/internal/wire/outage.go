package wire

import (
	"fmt"
	"time"

	"synscope/probe"
)

// Outage watches for the network going away under a run: sends fail although the kernel had a route
// when the target was taken up. It measures time, not failures: an interface that is down for a
// moment delays a run, and no more. The same holds while the kernel has no room for a packet. But
// if nothing leaves for that long, it is no full queue, whatever the error says (a tc filter or a
// blackhole route gives the same one), or a queue that is never emptied.
type Outage struct {
	since time.Duration // when the first send failed
	on    bool
	full  bool          // of want of room; not lasting, as it may end with the next packet
	begun time.Duration // when that began
	left  time.Duration // when the latest packet left, of those that Left was told of
	any   bool          // one has left
	last  error
}

// OutageLimit is how long an outage may last until a run is given up.
const OutageLimit = 10 * time.Second

// Note takes note of a send that found no network, unless a later packet left.
func (o *Outage) Note(err error, now time.Duration) {
	if now < o.left {
		return
	}
	switch RefusalOf(err) {
	case RefusedNetworkAway:
		if !o.on {
			o.on, o.since = true, now
		}
	case RefusedForNow:
		if !o.full {
			o.full, o.begun = true, now
		}
	default:
		return
	}
	o.last = err
}

// End is called when a packet has left.
func (o *Outage) End() { o.on, o.full, o.any = false, false, true }

// Left is End for a packet of which it is known only later that it left at a time: it says
// nothing of an outage that began after that.
func (o *Outage) Left(at time.Duration) {
	o.left, o.any = max(o.left, at), true
	if at >= o.since {
		o.on = false
	}
	if at >= o.begun {
		o.full = false
	}
}

// LeftSince tells whether a packet left after a time, by what Left was told.
func (o *Outage) LeftSince(at time.Duration) bool { return o.left > at }

// Certain tells whether the network has been away for too long, or had no room.
func (o *Outage) Certain(now time.Duration) bool {
	return o.on && now-o.since >= OutageLimit || o.full && now-o.begun >= OutageLimit
}

// Lasting tells whether the last sends of the run failed.
func (o *Outage) Lasting() bool { return o.on }

// Error is [probe.ErrNetworkDown] with the reason, or [probe.ErrNothingSent] where there was
// never any room.
func (o *Outage) Error() error {
	if !o.any && RefusalOf(o.last) == RefusedForNow {
		return fmt.Errorf("%w: %w", probe.ErrNothingSent, o.last)
	}
	return fmt.Errorf("%w: %w", probe.ErrNetworkDown, o.last)
}
