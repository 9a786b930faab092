package wide_test

import (
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

func deafOn81(h simnet.Host) simnet.Host {
	return simnet.OnPorts(h, func(port uint16) bool { return port != 81 })
}

// A run is over when every target has answered; while one of them keeps silent, all get
// the probes that were asked for.
func TestOverWhenAllHaveAnswered(t *testing.T) {
	for _, c := range []struct {
		silent bool
		sent   uint64
		took   time.Duration // at most
	}{{false, 512, 500 * ms}, {true, 1024, 3500 * ms}} {
		synctest.Test(t, func(t *testing.T) {
			words := []string{"10.0.0.0/24"}
			host := simnet.Host(simnet.Linux(80))
			if c.silent {
				host = deafOn81(host)
			}
			var checkpoints []uint64
			cfg := wide.Config{Plan: planOf(t, 1, "80,81", words...), Config: scan.Config{Rate: 5000}, CheckpointEvery: time.Hour}
			cfg.Checkpoint = func(at uint64) error { checkpoints = append(checkpoints, at); return nil }
			found := newAnswers()
			s, err := stateless(t, t.Context(), simnet.Config{Out: simnet.Path{Delay: 5 * ms}, Back: simnet.Path{Delay: 5 * ms}}, host, cfg, found)
			if err != nil || !s.Complete || found.count(probe.StateOpen) != 256 {
				t.Fatalf("%v, %+v", err, s)
			}
			if c.silent == (s.Confidence == 1) {
				t.Errorf("silent %v: confidence %v", c.silent, s.Confidence)
			}
			if s.Sent != c.sent || s.Took > c.took {
				t.Errorf("silent %v: %d sent in %v, want %d in at most %v", c.silent, s.Sent, s.Took, c.sent, c.took)
			}
			if n := len(checkpoints); n == 0 || checkpoints[n-1] != 512 {
				t.Errorf("silent %v: checkpoints %v", c.silent, checkpoints)
			}
		})
	}
}
