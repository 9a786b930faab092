package wire

import (
	"fmt"
	"time"

	"synscope/probe"
)

// Outage watches for the network going away under a run: sends fail although
// the kernel had a route when the target was taken up. It is a time and not a
// count: an interface that is down for a moment delays a run, and no more.
type Outage struct {
	since time.Duration // when the first send failed
	on    bool
	left  time.Duration // when the latest packet left, of those that Left was told of
	last  error
}

// OutageLimit is how long an outage may last until a run is given up.
const OutageLimit = 10 * time.Second

// Note takes note of a send that found no network, unless a later packet left.
func (o *Outage) Note(err error, now time.Duration) {
	if RefusalOf(err) != RefusedNetworkAway || now < o.left {
		return
	}
	if !o.on {
		o.on, o.since = true, now
	}
	o.last = err
}

// End is called when a packet has left.
func (o *Outage) End() { o.on = false }

// Left is End for a packet of which it is known only later that it left at a time: it says
// nothing of an outage that began after that.
func (o *Outage) Left(at time.Duration) {
	o.left = max(o.left, at)
	if at >= o.since {
		o.on = false
	}
}

// LeftSince tells whether a packet left after a time, by what Left was told.
func (o *Outage) LeftSince(at time.Duration) bool { return o.left > at }

// Certain tells whether the network has been away for too long.
func (o *Outage) Certain(now time.Duration) bool { return o.on && now-o.since >= OutageLimit }

// Lasting tells whether the last sends of the run failed.
func (o *Outage) Lasting() bool { return o.on }

// Error is [probe.ErrNetworkDown] with the reason.
func (o *Outage) Error() error { return fmt.Errorf("%w: %w", probe.ErrNetworkDown, o.last) }
