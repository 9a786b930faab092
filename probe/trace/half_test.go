package trace_test

import (
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
	"synscope/probe/trace"
)

// lateListener is a target of whose SYN-ACKs the first is lost, and which is a little late with the second.
func lateListener() simnet.Host {
	return probetest.WithoutFirst(&simnet.Listener{SYNACKs: []time.Duration{1040 * ms, 3080 * ms}})
}

// A target that is known by a challenge alone is waited for until it has retransmitted its SYN-ACK: it
// accepts, and never sent a SYN alone.
func TestTraceWaitsForTheSYNACKOfWhomItHasMet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{Host: lateListener(), Config: simnet.Config{Back: simnet.Path{Delay: 2 * ms}}}
		_, path, _ := w.trace(t, trace.Config{})
		if v := path.Verdict; v.State != probe.StateOpen || v.Reason != probe.ReasonSYNACK || path.Length != 1 {
			t.Errorf("%s (%s), length %d", v.State, v.Reason, path.Length)
		}
	})
}
