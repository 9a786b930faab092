package loss

import (
	"math"
	"time"

	"synscope/internal/binomial"
)

// Window is a time in which no probe was answered, longer than chance explains
// at the losses of the rest of the series.
type Window struct {
	From   time.Time // when the first probe left that was lost
	Last   time.Time // when the last one did
	To     time.Time // when the first probe left that was answered again; zero: none was
	Probes uint64    // how many were lost, or could not be sent
	Unsent uint64    // how many of them could not be sent
	Absent uint64    // and for how many of those nobody on the link had the address
}

// Over tells whether a probe was answered after it.
func (w *Window) Over() bool { return !w.To.IsZero() }

const (
	// leastRun is how many losses in a row a window has at least.
	leastRun = 3
	// windowChance is how many runs of losses as long, or longer, may be expected
	// in the series by chance for one of them to be called a window.
	windowChance = 0.01
	// mostWindows and mostCandidates bound what is kept.
	mostWindows    = 256
	mostCandidates = 64
)

// run is losses in a row.
type run struct {
	Window
	ports  map[uint16]uint64 // of those that were sent, by source port
	minute [minuteParts]uint64
}

func (r *run) add(p *Probe) {
	if r.Probes == 0 {
		r.From, r.ports = p.Sent, map[uint16]uint64{}
	}
	r.Probes++
	r.Last = p.Sent
	if p.Unsent {
		r.Unsent++
		if p.Absent {
			r.Absent++
		}
		return
	}
	r.ports[p.Port]++
	r.minute[partOfMinute(p.Sent)]++
}

// lost is how many of the run were sent and lost.
func (r *run) lost() uint64 { return r.Probes - r.Unsent }

// unlikely tells whether a run of losses is more than chance makes of a series of
// all probes of which lost were lost; both without the run. Chance is given the
// highest share of losses that the rest is compatible with (at 95 %), so that a short series
// shows nothing.
func (r *run) unlikely(all, lost uint64) bool {
	if r.Unsent > 0 {
		return r.Probes >= leastRun // that there was no way is no matter of chance
	}
	share := highestShare(all, lost)
	return float64(all+r.Probes)*math.Pow(share, float64(r.Probes)) < windowChance
}

// highestShare is the upper end of an interval of 90 % for a share.
func highestShare(all, lost uint64) float64 {
	const z = 1.6449
	_, high := binomial.Interval(float64(all), float64(lost), z)
	return high
}
