package isn_test

import (
	"testing"
	"time"

	"synscope/probe/isn/internal/evaluate"
)

// TestAccuracy holds the analysis to its published figures on odd seeds.
func TestAccuracy(t *testing.T) {
	t.Parallel()
	hosts := evaluate.Many(45, 5000)
	for _, tc := range []struct {
		jitter time.Duration
		right  float64
	}{{300 * time.Microsecond, 0.99}, {5 * time.Millisecond, 0.99}, {30 * time.Millisecond, 0.95}} {
		r := evaluate.Run(evaluate.Config{Hosts: hosts, First: 1, Stride: 2, Jitter: tc.jitter})
		share := float64(r.Right) / float64(r.Hosts)
		held := float64(r.Held) / float64(r.Clocks)
		t.Logf("jitter %v: right %.4f, wrong though sure %d, calibration %.4f, intervals %.3f of %d",
			tc.jitter, share, r.Confident, r.Calibration(), held, r.Clocks)
		if share < tc.right {
			t.Errorf("jitter %v: %.4f right, want %.2f", tc.jitter, share, tc.right)
		}
		if r.Confident > 1+hosts/1000 {
			t.Errorf("jitter %v: %d of %d wrong with confidence above 0.9", tc.jitter, r.Confident, hosts)
		}
		if r.Calibration() > 0.03 {
			t.Errorf("jitter %v: calibration error %.4f", tc.jitter, r.Calibration())
		}
		if held < 0.90 {
			t.Errorf("jitter %v: %.3f of the intervals hold the true rate", tc.jitter, held)
		}
	}
}
