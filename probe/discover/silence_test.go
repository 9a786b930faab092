package discover

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/simnet"
)

// A host that answers while the search lasts is up, however late; where that is cut short, all that had kept
// silent are told of.
func TestHostsAnswerLate(t *testing.T) {
	for name, ends := range map[string]time.Duration{"to the end": time.Hour, "cut short": 30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), ends)
				defer cancel()
				path := simnet.Path{Delay: 1250 * time.Millisecond}
				n := simnet.New(simnet.Config{Out: path, Back: path})
				n.Handle(netip.MustParsePrefix("10.0.0.0/28"), simnet.Linux(443))
				conn := n.Conn(2)
				defer conn.Close()
				up, down := 0, 0
				sum, err := Run(ctx, conn, Config{Hosts: hostsOf("10.0.0.0/26"), Rate: 20}, func(h Host) error {
					if h.Up {
						up++
					} else {
						down++
					}
					return nil
				})
				if cut := ends < time.Hour; up != 16 || down+up != int(sum.Probes) || cut == (err == nil) || cut && down < 5 || !cut && down != 48 {
					t.Errorf("%d up, %d down, in %v, %v", up, down, sum.Took, err)
				}
			})
		})
	}
}

// Witnesses that answer later than they are waited for are slow, not lost: no limit is looked for.
func TestLateWitnessesTellOfNoLimit(t *testing.T) {
	for _, delay := range []time.Duration{600 * time.Millisecond, 750 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			path := simnet.Path{Delay: delay}
			n := simnet.New(simnet.Config{Out: path, Back: path})
			n.Handle(netip.MustParsePrefix("10.0.0.0/29"), simnet.Linux(443))
			conn := n.Conn(2)
			defer conn.Close()
			up, sum, err := upAmong(t, conn, "10.0.0.0/26")
			t.Logf("round trip %v: %d up, %d packets in %v", 2*delay, up, sum.Sent, sum.Took)
			if err != nil || up != 8 || sum.Sent > 64*21+200 || sum.Took > 10*time.Second {
				t.Errorf("round trip %v: %d up, %d packets in %v, %v", 2*delay, up, sum.Sent, sum.Took, err)
			}
		})
	}
}

// Where nobody answers in time, who answers within three seconds is up, and a search that hears nothing is over by then.
func TestFarHostsAreWaitedFor(t *testing.T) {
	for _, c := range []struct {
		delay time.Duration // each way
		live  string
		up    int
		most  time.Duration
	}{
		{1250 * time.Millisecond, "10.0.0.0/29", 8, 6 * time.Second},
		{1450 * time.Millisecond, "10.0.0.0/29", 8, 7 * time.Second},
		{1250 * time.Millisecond, "10.0.1.0/29", 0, 3300 * time.Millisecond},
		{10 * time.Millisecond, "10.0.0.0/29", 8, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			path := simnet.Path{Delay: c.delay}
			n := simnet.New(simnet.Config{Out: path, Back: path})
			n.Handle(netip.MustParsePrefix(c.live), simnet.Linux(443))
			conn := n.Conn(SourcePorts)
			defer conn.Close()
			up, sum, err := upAmong(t, conn, "10.0.0.0/26")
			t.Logf("%v away: %d up, %d packets in %v", 2*c.delay, up, sum.Sent, sum.Took)
			if err != nil || up != c.up || sum.Took > c.most {
				t.Errorf("%v away: %d up in %v, %v", 2*c.delay, up, sum.Took, err)
			}
		})
	}
}

// upAmong is how many of some hosts a search finds.
func upAmong(t *testing.T, conn *simnet.Conn, targets string) (up int, sum probe.Summary, err error) {
	t.Helper()
	sum, err = Run(t.Context(), conn, Config{Hosts: hostsOf(targets)}, func(h Host) error {
		if h.Up {
			up++
		}
		return nil
	})
	return up, sum, err
}
