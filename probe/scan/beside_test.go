package scan_test

import (
	"math"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// twoLanes is a network over which a second goroutine may send: late, and now and then
// not.
type twoLanes struct {
	*simnet.Conn
	late    time.Duration
	refuses uint64 // every so many packets, one; 0: none
	tried   atomic.Uint64
	sent    atomic.Uint64
}

func (n *twoLanes) SendBeside() (send func([][]byte) (int, error), ok bool) { return n.lateSend, true }

func (n *twoLanes) lateSend(pkts [][]byte) (int, error) {
	time.Sleep(n.late)
	for i := range pkts {
		if tried := n.tried.Add(1); n.refuses > 0 && tried%n.refuses == 0 {
			return i, syscall.EAGAIN
		}
		if sent, err := n.Send(pkts[i : i+1]); sent == 0 {
			return i, err
		}
		n.sent.Add(1)
	}
	return len(pkts), nil
}

// What is sent beside the engine gets the same verdicts, however late it leaves and
// whatever the kernel does not take, and no round trip begins before it was handed over.
func TestSendingBesideTheEngine(t *testing.T) {
	for _, tc := range []struct {
		name    string
		late    time.Duration
		refuses uint64
	}{{"at once", 0, 0}, {"late", 7 * ms, 0}, {"partly refused", ms, 9}, {"longer than a timeout", 400 * ms, 50}} {
		synctest.Test(t, func(t *testing.T) {
			internet := &simnet.Synthetic{Seed: 3, Open: 0.1, Refused: 0.7}
			path := simnet.Path{Delay: 10 * ms}
			w := world{Host: internet, Config: simnet.Config{Out: path, Back: path}}
			n := &twoLanes{Conn: probetest.World(w).Conn(), late: tc.late, refuses: tc.refuses}
			defer n.Close()
			found := newCollector()
			all := ranges(1, 500, addresses(20)...)
			summary, err := scan.Run(t.Context(), n, scan.Config{Targets: slices.Values(all), Rate: math.Inf(1)}, found)
			probetest.Balance(t, &summary)
			if err != nil || len(found.ports) != len(all) || n.sent.Load() == 0 {
				t.Fatalf("%s: %d of %d verdicts, %d sent beside: %v", tc.name, len(found.ports), len(all), n.sent.Load(), err)
			}
			if left := n.Stats().Sent; summary.Sent+summary.Resets != left {
				t.Errorf("%s: %d probes and %d resets, but %d packets left", tc.name, summary.Sent, summary.Resets, left)
			}
			want := map[simnet.Outcome]probe.State{simnet.Open: probe.StateOpen, simnet.Refused: probe.StateRefused, simnet.Silent: probe.StateFiltered}
			for _, target := range all {
				v := found.ports[target]
				if v.State != want[internet.Expect(target)] {
					t.Errorf("%s: %v is %v (%v), expected %v", tc.name, target, v.State, v.Reason, internet.Expect(target))
				}
				if v.RTT != 0 && (v.RTT < 20*ms-time.Microsecond || v.RTT > 25*ms+8*tc.late) {
					t.Fatalf("%s: %v took %v of 20 ms", tc.name, target, v.RTT)
				}
			}
		})
	}
}
