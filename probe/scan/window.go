package scan

import "time"

// A window bounds the probes in flight towards one host. Silence is no sign of
// loss (a filter is silent too), so the window is open until there is
// evidence: answers that come to repeated probes only. A quarter of those
// among the answers of one epoch halves it; an epoch without such evidence
// widens it by half. The threshold lies above what a link with 10 % of random
// loss each way shows (19 %), where sending less would not help.
type window struct {
	limit          float32 // probes in flight; 0 means open
	flying         int32   // probes in flight now
	peak           int32   // most in flight during this epoch
	clean, rescued int32   // answers of this epoch, to first and to repeated probes
	epoch          time.Duration
}

const (
	minWindow      = 32
	openWindow     = 1 << 16 // wide enough to be called open again
	minEpoch       = 100 * time.Millisecond
	rescuedMinimum = 4 // fewer rescued answers than this prove nothing
)

// room tells whether one more probe may leave.
func (w *window) room(now, rtt time.Duration) bool {
	w.turn(now, rtt)
	return w.limit == 0 || float32(w.flying) < w.limit
}

func (w *window) depart() {
	w.flying++
	w.peak = max(w.peak, w.flying)
}

func (w *window) land() { w.flying-- }

// answered takes note of an answer, and whether the first attempt got it.
func (w *window) answered(first bool) {
	if first {
		w.clean++
	} else {
		w.rescued++
	}
}

// turn ends an epoch that has lasted an RTT and minEpoch, and draws its lesson.
func (w *window) turn(now, rtt time.Duration) {
	if now-w.epoch < max(rtt, minEpoch) {
		return
	}
	switch {
	case w.rescued >= rescuedMinimum && w.rescued*3 >= w.clean:
		w.limit = max(minWindow, min(w.open(), float32(w.peak))/2)
	case w.limit > 0:
		w.limit *= 1.5
		if w.limit > openWindow {
			w.limit = 0
		}
	}
	w.epoch, w.peak, w.clean, w.rescued = now, w.flying, 0, 0
}

// open is the limit, the widest one where there is none.
func (w *window) open() float32 {
	if w.limit == 0 {
		return openWindow
	}
	return w.limit
}
