package sample_test

import (
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/isn"
	"synscope/probe/sample"
	"synscope/probe/simnet"
)

// SYN-ACKs that come after the time that they are waited for are no samples, and prove
// the port open all the same.
func TestLateSYNACKsProveThePortOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := single(simnet.Config{}, simnet.Slow(simnet.Linux(80), 1500*time.Millisecond))
		g, s, err := w.run(t, t.Context(), sample.Config{Plan: isn.QuickPlan(), Timeout: time.Second})
		if err != nil || s.States[probe.StateOpen] != 1 {
			t.Fatalf("%v, %v", s.States, err)
		}
		for _, r := range g.results {
			if r.State != probe.StateOpen || r.Reason != probe.ReasonSYNACK || hasFinding(&r, "no-answer") {
				t.Errorf("%v (%v): %v", r.State, r.Reason, r.Report.Findings)
			}
		}
		if len(g.results) != 1 {
			t.Errorf("%d results", len(g.results))
		}
	})
}
