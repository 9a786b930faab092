package wire

import (
	"testing"

	"synscope/netraw"
	"synscope/probe"
)

// Answers are no flood, late ones of a faster time before neither; much more is.
func TestFlood(t *testing.T) {
	var f Flood
	came := uint64(0)
	for i, step := range []struct {
		sent, read, dropped uint64
		flood               bool
	}{
		{2500, 2400, 0, false}, {2500, 1000, 1500, false}, {1250, 2000, 500, false}, {100, 5000, 100, false},
		{100, 5000, 20000, true}, {100, 0, 900, false}, {0, 999, 0, false}, {0, 0, 5000, true},
	} {
		came += step.read + step.dropped
		if got := f.Look(netraw.Stats{Received: came}, step.sent); got != step.flood {
			t.Errorf("step %d: %v", i, got)
		}
	}
}

// used is a network that was used before.
type used struct {
	probe.Polled
	stats netraw.Stats
}

func (u *used) Stats() netraw.Stats { return u.stats }
func (u *used) Ports() []uint16     { return []uint16{40000} }

// What a connection received before the sweep is no flood of the sweep's: what the
// kernel drops at first counts, from the first look on.
func TestSweepOnUsedConnection(t *testing.T) {
	n := &used{stats: netraw.Stats{Received: 1 << 20, KernelDrops: 1 << 10}}
	x, err := NewSweep(n, Look{}.Complete(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for look, came := range []struct {
		read, lost uint64
		dropped    bool
	}{{500, 300, true}, {700, 0, false}, {700, 1, true}, {1 << 20, 1 << 10, false}} {
		n.stats.Received += came.read
		n.stats.KernelDrops += came.lost
		x.Counters.Sent += 1000
		if _, _, dropped := x.Look(); dropped != came.dropped {
			t.Errorf("look %d: dropped: %v", look, dropped)
		}
	}
}
