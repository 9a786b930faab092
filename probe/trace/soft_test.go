package trace_test

import (
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
	"synscope/probe/trace"
)

// An ICMP error that may pass does not end a path to a target that answers the same SYNs later.
func TestTraceWaitsAfterSoftErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router, host := probetest.Reject(3, 1), simnet.Slow(probetest.Listener(), 700*time.Millisecond)
		both := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags == craft.SYN {
				router.Respond(now, in, out)
			}
			host.Respond(now, in, out)
		})
		_, route, _ := world{Host: simnet.Behind(both, routers(4)...)}.trace(t, trace.Config{})
		if route.Verdict.State != probe.StateOpen {
			t.Errorf("%v (%v)", route.Verdict.State, route.Verdict.Reason)
		}
	})
}
