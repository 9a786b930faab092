package loss

import (
	"slices"
	"time"
)

// Probe is one probe of a series and whether it was lost.
type Probe struct {
	N      uint64    // its place in the series, from 1
	Sent   time.Time // when it left, or was to leave
	Port   uint16    // source port; 0: not known
	Lost   bool
	Unsent bool // it could not be sent; then it is Lost too
	Absent bool // since nobody on the link had the address; then it is Unsent too
}

// Tracker follows the losses of one series. Use [NewTracker].
type Tracker struct {
	reach   int
	waiting []Probe // arrived before one that was sent before them, ascending
	next    uint64

	counts  groups
	run     run
	open    []*run // runs of losses that chance may explain so far
	windows []Window
	told    uint64 // windows, also those that are not kept
	inside  uint64 // probes lost within them
}

// NewTracker makes a tracker of a series in which up to reach probes are in the
// air at once, and so may end in another order than they were sent in.
func NewTracker(reach int) *Tracker {
	return &Tracker{reach: max(reach, 1), next: 1, counts: newGroups()}
}

// Add takes the next probe that has ended, and returns the windows that are now
// known to have been, each once.
func (t *Tracker) Add(p Probe) (ended []Window) {
	at, _ := slices.BinarySearchFunc(t.waiting, p.N, func(a Probe, n uint64) int { return int(int64(a.N - n)) })
	t.waiting = slices.Insert(t.waiting, at, p)
	for len(t.waiting) > 0 && (t.waiting[0].N <= t.next || len(t.waiting) > t.reach) {
		ended = append(ended, t.take(t.waiting[0])...)
		t.waiting = t.waiting[1:]
	}
	return ended
}

// End takes in what waits for probes that never came, and returns the window that
// lasts, if there is one.
func (t *Tracker) End() (ended []Window) {
	for _, p := range t.waiting {
		ended = append(ended, t.take(p)...)
	}
	t.waiting = nil
	return append(ended, t.closeRun(time.Time{})...)
}

// take takes a probe in the order of sending.
func (t *Tracker) take(p Probe) (ended []Window) {
	t.next = max(t.next, p.N+1)
	t.counts.sent(&p)
	if p.Lost {
		t.run.add(&p)
		return nil
	}
	return t.closeRun(p.Sent)
}

// closeRun ends a run of losses at an answered probe, and looks at all of them
// again: with more probes, less is chance.
func (t *Tracker) closeRun(to time.Time) []Window {
	if r := t.run; r.Probes >= leastRun {
		r.To = to
		t.open = append(t.open, &r)
	} else if r.Probes > 0 {
		t.counts.lost(&r)
	}
	t.run = run{}
	return t.judge()
}

// judge moves the runs that chance does not explain to the windows.
func (t *Tracker) judge() (found []Window) {
	if len(t.open) == 0 {
		return nil
	}
	t.open = slices.DeleteFunc(t.open, func(r *run) bool {
		if !r.unlikely(t.otherwise(r)) {
			return false
		}
		found = append(found, r.Window)
		t.told++
		t.inside += r.lost()
		t.counts.without(r)
		return true
	})
	t.windows = append(t.windows, found...)
	if extra := len(t.windows) - mostWindows; extra > 0 {
		t.windows = slices.Delete(t.windows, 0, extra)
	}
	if len(t.open) > mostCandidates {
		t.giveUpShortest()
	}
	return found
}

// otherwise is how many probes were sent and lost outside of a run and of the
// windows.
func (t *Tracker) otherwise(r *run) (all, lost uint64) {
	all, lost = t.counts.all-r.lost(), t.counts.lostAll
	for _, other := range t.open {
		if other != r {
			lost += other.lost()
		}
	}
	return all, lost
}

// giveUpShortest counts the shortest open run among the ordinary losses.
func (t *Tracker) giveUpShortest() {
	shortest := slices.MinFunc(t.open, func(a, b *run) int { return int(int64(a.Probes - b.Probes)) })
	t.counts.lost(shortest)
	t.open = slices.DeleteFunc(t.open, func(r *run) bool { return r == shortest })
}

// Windows returns the windows, the earliest first; of very many the latest.
func (t *Tracker) Windows() []Window { return slices.Clone(t.windows) }

// Told returns how many windows there were, and how many probes were lost in them.
func (t *Tracker) Told() (windows, probes uint64) { return t.told, t.inside }
