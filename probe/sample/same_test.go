package sample_test

import (
	"testing"
	"testing/synctest"

	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/isn"
	"synscope/probe/sample"
	"synscope/probe/simnet"
)

// A host that answers nothing but retransmissions is sampled by them, with its own times where
// time stamps tell them apart.
func TestSampleRetransmissionRequired(t *testing.T) {
	for _, class := range []isn.Class{isn.ClassTupleClock, isn.ClassRandom} {
		synctest.Test(t, func(t *testing.T) {
			p := probetest.NewPersistent(drawn(class, 1))
			g, s := single(path(simnet.Path{Delay: 10 * ms}), p).sample(t, sample.Config{})
			r := g.result(t, target)
			if r.State != probe.StateOpen || r.Report.Class != class || !hasFinding(r, "syn-retransmission-required") || !r.Whole() {
				t.Errorf("%v: %s, %s %.2f, %v, %d of %d", class, r.State, r.Report.Class, r.Report.Confidence, r.Report.Findings, r.Carried, r.Planned)
			}
			for _, x := range r.Samples {
				if rtt, ok := x.RTT(); ok && rtt != 20*ms {
					t.Errorf("%+v took %v", x, rtt)
				}
			}
			t.Log(s.Took, s.Sent)
		})
	}
}

// One that answers nothing is given up after one SYN and one second more than without, and one
// whose answers are late requires nothing.
func TestSampleSilentBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s, err := single(path(simnet.Path{Delay: 10 * ms}), simnet.Dropped{}).run(t, t.Context(), sample.Config{Plan: isn.QuickPlan()})
		r := g.result(t, target)
		if err != nil || r.State != probe.StateFiltered || s.Sent != 6 || s.Resets > 5 || !hasFinding(r, "no-answer") {
			t.Errorf("%s, %d sent, %d RSTs, in %v: %v", r.State, s.Sent, s.Resets, s.Took, err)
		}
	})
	for _, unstamped := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var h simnet.Host = drawn(isn.ClassTupleClock, 1)
			if unstamped {
				h = probetest.Unstamped(h)
			}
			g, _, _ := single(path(simnet.Path{Delay: 700 * ms}), h).run(t, t.Context(), sample.Config{Plan: isn.QuickPlan()})
			if r := g.result(t, target); r.State != probe.StateOpen || hasFinding(r, "syn-retransmission-required") {
				t.Errorf("%s, %v", r.State, r.Report.Findings)
			}
		})
	}
}
