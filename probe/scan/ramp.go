package scan

import (
	"time"

	"synscope/probe"
)

// ramp is the rate of a run whose caller named none: it begins gently, grows
// while nothing is lost, and is cut while many answers come to repeated probes
// only, whatever the host: then the loss is on the shared way.
//
// The bounds are for where the packets go. DefaultRate is what a home router's
// connection tracking and uplink survive; a link of our own carries more.
type ramp struct {
	rate           float64
	bound          float64
	changed        time.Duration // when the rate was cut
	epoch          time.Duration
	first, rescued int32
}

const (
	firstRate  = 1_000.0 // packets a second
	linkRate   = 5 * probe.DefaultRate
	localRate  = 20 * probe.DefaultRate
	rampEpoch  = 50 * time.Millisecond
	lowestRate = 200.0
)

func newRamp() *ramp { return &ramp{rate: firstRate, bound: localRate} }

// towards lowers the bound to what a way allows.
func (r *ramp) towards(w *way) {
	switch {
	case w.err != nil || w.local:
	case w.onLink:
		r.bound = min(r.bound, linkRate)
	default:
		r.bound = min(r.bound, probe.DefaultRate)
	}
}

// answered takes note of an answer; wasted is how many probes of that port went
// unanswered since the rate was cut.
func (r *ramp) answered(wasted int) {
	if wasted == 0 {
		r.first++
	} else {
		r.rescued++
	}
}

// turn ends an epoch, and tells whether the rate is another now.
func (r *ramp) turn(now time.Duration) (changed bool) {
	if now-r.epoch < rampEpoch {
		return false
	}
	before := r.rate
	n := r.first + r.rescued
	switch share := float64(r.rescued) / float64(max(n, 1)); {
	case r.rescued >= 4*minRescued && share >= muchRescued:
		r.rate, r.changed = max(r.rate/2, lowestRate), now
	case n == 0:
		r.rate *= 1.25 // silence: nothing is known to be lost
	case share <= fewRescued:
		r.rate *= 2
	}
	r.rate = min(r.rate, r.bound)
	r.epoch, r.first, r.rescued = now, 0, 0
	return r.rate != before
}
