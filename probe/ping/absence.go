package ping

import (
	"time"

	"synscope/probe/internal/wire"
)

// absence watches for the network of all targets going away: that of one is
// told in its own samples, and ends nothing.
type absence struct {
	outage wire.Outage
	used   int // targets that packets were sent to
	away   int // of those, how many a packet would not leave for the last time
}

// use takes note of a target that packets are sent to.
func (a *absence) use(t *pinged) {
	if !t.used {
		t.used = true
		a.used++
	}
}

// left takes note of a packet that left.
func (a *absence) left(t *pinged) {
	a.use(t)
	if t.away {
		t.away = false
		a.away--
	}
	a.outage.End()
}

// note takes note of a packet that the kernel refused.
func (a *absence) note(t *pinged, err error, now time.Duration) {
	if kind := wire.RefusalOf(err); kind != wire.RefusedNetworkAway && kind != wire.RefusedForNow {
		return
	}
	a.use(t)
	if !t.away {
		t.away = true
		a.away++
	}
	if a.away == a.used {
		a.outage.Note(err, now)
	}
}

// forget takes a target out.
func (a *absence) forget(t *pinged) {
	if t.used {
		a.used--
	}
	if t.away {
		a.away--
	}
}

// last tells whether the network was away when the run ended, or had no room for too long,
// which matters where the run has an end of its own: one without goes on whatever happens.
func (a *absence) last(ends bool, now time.Duration) bool {
	return ends && (a.outage.Lasting() || a.outage.Certain(now))
}
