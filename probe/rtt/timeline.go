package rtt

import "time"

// timelineBins is how many bins a Timeline keeps at most.
const timelineBins = 4096

// Timeline is round-trip times and losses in the order of sending, in constant
// memory: while there are few probes each has a bin of its own, and whenever
// the bins run out, neighbours are merged two by two.
type Timeline struct {
	bins  []Bin
	width time.Duration // of a bin; 0 while each probe has its own
}

// Bin is what was sent within some time.
type Bin struct {
	At             time.Duration // of its first probe, since the start of the run
	Min, Max, Mean time.Duration // of the answered ones
	Answered, Lost uint64
}

// Add takes an answered probe that was sent at.
func (t *Timeline) Add(at, rtt time.Duration) {
	b := t.bin(at)
	if b.Answered == 0 {
		b.Min, b.Max = rtt, rtt
	}
	b.Answered++
	b.Min, b.Max = min(b.Min, rtt), max(b.Max, rtt)
	b.Mean += (rtt - b.Mean) / time.Duration(b.Answered)
}

// Lost takes a probe without an answer.
func (t *Timeline) Lost(at time.Duration) { t.bin(at).Lost++ }

// Bins are all bins, in the order in which their first probes ended.
func (t *Timeline) Bins() []Bin { return t.bins }

func (t *Timeline) bin(at time.Duration) *Bin {
	if n := len(t.bins); n > 0 && t.width > 0 && at < t.bins[n-1].At+t.width {
		return &t.bins[n-1]
	}
	if len(t.bins) == timelineBins {
		t.halve()
		return t.bin(at)
	}
	t.bins = append(t.bins, Bin{At: at})
	return &t.bins[len(t.bins)-1]
}

// halve merges bins two by two.
func (t *Timeline) halve() {
	span := t.bins[len(t.bins)-1].At - t.bins[0].At
	t.width = max(2*t.width, 2*span/timelineBins, 1)
	kept := t.bins[:0]
	for i := 0; i < len(t.bins); i += 2 {
		kept = append(kept, merge(t.bins[i], t.bins[i+1]))
	}
	t.bins = kept
}

func merge(a, b Bin) Bin {
	a.Lost += b.Lost
	switch {
	case b.Answered == 0:
		return a
	case a.Answered == 0:
		b.At, b.Lost = a.At, a.Lost
		return b
	}
	a.Min, a.Max = min(a.Min, b.Min), max(a.Max, b.Max)
	n := a.Answered + b.Answered
	a.Mean += time.Duration(float64(b.Mean-a.Mean) * float64(b.Answered) / float64(n))
	a.Answered = n
	return a
}
