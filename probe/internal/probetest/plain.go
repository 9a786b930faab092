package probetest

import "testing"

// Plain leaves a test out while the race detector watches: others run the same code in smaller
// worlds, or it weighs memory, which is another under the detector.
func Plain(t *testing.T) {
	t.Helper()
	if Race {
		t.Skip("the race detector: smaller tests run the same code")
	}
}
