package live_test

import (
	"context"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
	"synscope/probe/why"
	"synscope/probe/why/live"
)

// mostBytes is more than a trial sends after its SYN.
const mostBytes = 1 << 13

// A trial that is interrupted, at whatever time, leaves nothing half open, however slow the host is.
func TestInterruptedTrialsLeaveNothingHalfOpen(t *testing.T) {
	for kind, name := range map[why.Kind]string{
		why.SYN: "SYN", why.Trace: "trace", why.Connect: "connect", why.Hold: "hold", why.Large: "large", why.Idle: "idle",
		why.Reuse: "reuse", why.DuplicateSYN: "duplicate SYN",
	} {
		for _, delay := range []time.Duration{5 * ms, 300 * ms} {
			t.Run(name, func(t *testing.T) {
				for after := time.Duration(0); after < 2*time.Second; after += 23 * ms {
					if left := leftBy(t, kind, after, delay, nil); left > 0 {
						t.Errorf("%v, %v each way, after %v: %d connections are left half open", name, delay, after, left)
					}
				}
			})
		}
	}
}

// An RST that finds the queue of this machine full is sent anew.
func TestClosingWaitsForRoom(t *testing.T) {
	refusals := 0
	full := func(pkt []byte) error {
		var p craft.Packet
		if p.Decode(pkt, craft.VerifyChecksums) != nil || p.Segment.Flags != craft.RST {
			return nil
		}
		if refusals++; refusals%8 == 0 {
			return nil
		}
		return syscall.ENOBUFS
	}
	for _, kind := range []why.Kind{why.SYN, why.Connect, why.Reuse} {
		if left := leftBy(t, kind, time.Minute, 5*ms, full); left > 0 {
			t.Errorf("kind %d: %d connections are left half open", kind, left)
		}
	}
	if refusals == 0 {
		t.Error("no RST was refused")
	}
}

// leftBy is how many connections a trial has left half open that was interrupted after a time, of those whose SYN-ACK came.
// Packets take delay each way, and leave unless sendError, if any, has an error for them.
func leftBy(t *testing.T, kind why.Kind, after, delay time.Duration, sendError func([]byte) error) (left int) {
	synctest.Test(t, func(t *testing.T) {
		var h probetest.Openings
		n := simnet.New(simnet.Config{Out: simnet.Path{Delay: delay}, Back: simnet.Path{Delay: delay}, Observe: h.See, SendError: sendError})
		n.HandleAddr(asked.Addr().String(), simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags.Has(craft.SYN) {
				segment(0, craft.SYN|craft.ACK, 0)(in, out)
			}
		}))
		conn := n.Conn(8, simnet.WatchOutgoing())
		defer conn.Close()
		i := live.New(conn, live.Config{Addrs: []why.Address{{AddrPort: asked}}})
		ctx, stop := context.WithTimeout(t.Context(), after)
		defer stop()
		i.Run(ctx, []why.Trial{{Kind: kind, Hops: 6}})
		i.Close()
		left = h.Left(mostBytes)
	})
	return left
}
