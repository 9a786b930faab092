package evaluate

import (
	"fmt"
	"io"

	"synscope/probe/isn"
)

// Tally sums up foreign hosts.
type Tally struct {
	Hosts, Right, Unknown, Sure int // Sure: wrong at 0.9 or more
	Knowable, Found             int // by the oracle, and by the analysis where the oracle could

	named, namedRight int
	confidence        float64
	bins              []Bin
}

// Add counts one host.
func (a *Tally) Add(f *Foreign) {
	a.Hosts++
	right, r := f.Right(), &f.Report
	if f.Knowable() {
		a.Knowable++
		if right {
			a.Found++
		}
	}
	if right {
		a.Right++
	}
	if r.Class == isn.ClassUnknown {
		a.Unknown++
		return
	}
	a.named++
	a.confidence += r.Confidence
	if a.bins == nil {
		a.bins = newBins()
	}
	enter(a.bins, r.Confidence, right)
	if right {
		a.namedRight++
	} else if r.Confidence >= 0.9 {
		a.Sure++
	}
}

// Ratio is the share of the hosts that the oracle could tell which were told.
func (a *Tally) Ratio() float64 { return float64(a.Found) / float64(max(a.Knowable, 1)) }

// Missed is how many of the hosts that the oracle could tell were not told.
func (a *Tally) Missed() int { return a.Knowable - a.Found }

// Mean is the mean confidence where a class was named, Share the share that was right.
func (a *Tally) Mean() float64 { return a.confidence / float64(max(a.named, 1)) }

// Share is the share of the named classes that are right.
func (a *Tally) Share() float64 { return float64(a.namedRight) / float64(max(a.named, 1)) }

// Calibration is the mean distance between the confidence and the share that is right,
// over ranges of confidence, weighted by their answers.
func (a *Tally) Calibration() float64 { return calibration(a.bins) }

// Markdown writes the calibration table.
func (a *Tally) Markdown(w io.Writer) { binsMarkdown(w, a.bins) }

// String is all of it in a line.
func (a *Tally) String() string {
	return fmt.Sprintf("%d hosts: right %d, unknown %d, wrong at 0.9 or more %d (%.2f %%); the oracle could tell %d, of them told %.4f; mean confidence %.3f, right %.3f; calibration error %.2f %%",
		a.Hosts, a.Right, a.Unknown, a.Sure, percent(a.Sure, a.Hosts), a.Knowable, a.Ratio(), a.Mean(), a.Share(), 100*a.Calibration())
}
