package cli

import "testing"

// Where too few signals can be queued for every thread, a run says so at once.
func TestSignalRoom(t *testing.T) {
	for signals, code := range map[uint64]int{0: exitUnable, leastSignals - 1: exitUnable, leastSignals: exitYes, 1 << 20: exitYes} {
		if got := exitCode(signalRoom(signals)); got != code {
			t.Errorf("%d signals: code %d, want %d", signals, got, code)
		}
	}
}
