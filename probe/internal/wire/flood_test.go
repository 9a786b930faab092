package wire

import (
	"testing"

	"synscope/netraw"
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
