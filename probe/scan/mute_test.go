package scan_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// silentClock notes when SYNs come that it does not answer.
type silentClock struct{ came []time.Duration }

func (h *silentClock) at(start time.Time) simnet.Host {
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, _ simnet.Emitter) {
		if in.Flags == craft.SYN {
			h.came = append(h.came, now.Sub(start))
		}
	})
}

// What is asked of a host that answers nothing, since a limit may be why, is asked while its last retransmission is
// waited for, and hardly prolongs the run.
func TestSilentHostCostsHardlyMoreThanItsRetransmissions(t *testing.T) {
	for _, silent := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			n := simnet.New(simnet.Config{Out: simnet.Path{Delay: ms}, Back: simnet.Path{Delay: ms}})
			list := addresses(silent + 1)
			n.HandleAddr(list[0].String(), simnet.Linux(80))
			var clock silentClock
			for _, a := range list[1:] {
				n.HandleAddr(a.String(), clock.at(time.Now()))
			}
			conn := n.Conn(13)
			defer conn.Close()
			sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(ranges(1, 1000, list...))}, newCollector())
			firsts := clock.came[silent*1000-1]
			t.Logf("%d silent: %d packets, firsts until %v, the last at %v, over after %v", silent, len(clock.came), firsts, clock.came[len(clock.came)-1], sum.Took)
			if err != nil || sum.States[probe.StateFiltered] != uint64(silent)*1000 || len(clock.came) != silent*2007 || sum.Took > firsts+1500*ms {
				t.Errorf("%d silent: %v, %v", silent, sum.States, err)
			}
		})
	}
}

// A host so far away that none of its answers are there by then is scanned as it is without that.
func TestFarHostBesideANearOne(t *testing.T) {
	for _, far := range []time.Duration{100 * ms, 270 * ms, 350 * ms, 600 * ms} {
		synctest.Test(t, func(t *testing.T) {
			n := simnet.New(simnet.Config{})
			list := addresses(2)
			n.HandleAddr(list[0].String(), simnet.Linux(80))
			n.HandleAddr(list[1].String(), simnet.Slow(simnet.Linux(80, 90), far))
			conn := n.Conn(13)
			defer conn.Close()
			found := newCollector()
			sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(ranges(1, 1000, list...)), Canaries: true}, found)
			t.Logf("%v away: %v, %d packets, %v, rejected %v", far, sum.States, sum.Sent, sum.Took, sum.Rejected)
			if h := found.hosts[list[1]]; err != nil || sum.States[probe.StateRefused] != 1997 || len(h.Findings) > 0 || sum.Rejected["unsolicited"] > 0 {
				t.Errorf("%v away: %v, %v, rejected %v, %v", far, sum.States, h.Findings, sum.Rejected, err)
			}
		})
	}
}

// What is asked then keeps to the pace too, of however many hosts at once.
func TestSilentHostsAreAskedAtThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, list := simnet.New(simnet.Config{}), addresses(30)
		var clock silentClock
		for _, a := range list {
			n.HandleAddr(a.String(), clock.at(time.Now()))
		}
		conn := n.Conn(13)
		defer conn.Close()
		sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(ranges(80, 119, list...)), Rate: 1000, HostsKnown: true}, newCollector())
		most := 0
		for i, from := range clock.came {
			n := 0
			for _, at := range clock.came[i:] {
				if at > from+5*ms {
					break
				}
				n++
			}
			most = max(most, n)
		}
		if t.Logf("%d packets, %v, at most %d within 5 ms", len(clock.came), sum.Took, most); err != nil || most > 10 {
			t.Errorf("%d packets within 5 ms at 1,000 a second: %v", most, err)
		}
	})
}
