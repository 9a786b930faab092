package scan_test

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// Ports that are refused do not wait long for something better once a SYN-ACK has told
// how far the host is; where a nearer machine forges the resets they wait for the host.
func TestGraceAfterASYNACK(t *testing.T) {
	ms := time.Millisecond
	for _, row := range []struct {
		name   string
		host   simnet.Host
		delay  time.Duration
		listen uint16
		most   time.Duration
		open   int
	}{
		{"near, one port open", simnet.Linux(30), ms, 30, 60 * ms, 1},
		{"far, one port open", simnet.Linux(30), 150 * ms, 30, 1300 * ms, 1},
		{"near, none open", simnet.Linux(), ms, 0, 260 * ms, 0},
		{"forger ahead of the host", simnet.ForgedReset(simnet.Linux(30), 250, 30*ms), ms, 30, 300 * ms, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := simnet.New(simnet.Config{Out: simnet.Path{Delay: row.delay}, Back: simnet.Path{Delay: row.delay}})
				a := netip.MustParseAddr("10.0.0.1")
				n.Handle(netip.PrefixFrom(a, 32), row.host)
				conn := n.Conn(13)
				defer conn.Close()
				found, all := states{}, ranges(20, 39, a)
				sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(all)}, found)
				if err != nil || found[probe.StateOpen] != row.open || found[probe.StateRefused] != len(all)-row.open {
					t.Errorf("%v, %v", found, err)
				}
				if sum.Took > row.most {
					t.Errorf("took %v, want at most %v", sum.Took, row.most)
				}
			})
		})
	}
}

// What is nearer than the host refuses in its name, and most of what is timed is that: it says
// nothing of how long the host itself takes.
func TestGraceDoesNotGoByResets(t *testing.T) {
	ms := time.Millisecond
	for _, row := range []struct {
		name string
		open map[uint16]time.Duration // how long the host takes to answer on such a port
	}{
		{"one early SYN-ACK", map[uint16]time.Duration{1: 2 * ms, 900: 10 * ms}},
		{"many SYN-ACKs that vary", map[uint16]time.Duration{
			1: 2 * ms, 2: 7 * ms, 3: 2 * ms, 4: 6 * ms, 5: 3 * ms, 6: 6 * ms, 7: 2 * ms, 8: 5 * ms, 9: 3 * ms, 900: 14 * ms,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := simnet.Path{Delay: ms}
				n := simnet.New(simnet.Config{Out: path, Back: path})
				a := netip.MustParseAddr("10.0.0.1")
				n.Handle(netip.PrefixFrom(a, 32), simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
					if in.Flags != craft.SYN {
						return
					}
					reply(0, refusing).Respond(now, in, out)
					if after := row.open[in.Dst.Port()]; after > 0 {
						reply(after, accepting).Respond(now, in, out)
					}
				}))
				found, _, err := scanNet(t, n, scan.Config{Targets: slices.Values(ranges(1, 1000, a)), Rate: 20_000})
				if err != nil {
					t.Fatal(err)
				}
				for port := range row.open {
					if v := found.ports[netip.AddrPortFrom(a, port)]; v.State != probe.StateOpen {
						t.Errorf("port %d is %v (%v)", port, v.State, v.Reason)
					}
				}
			})
		})
	}
}

// The port that is refused before a second one is asked for does not wait longer than the
// others.
func TestGraceOfTheFirstPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{Out: simnet.Path{Delay: time.Millisecond}, Back: simnet.Path{Delay: time.Millisecond}})
		a := netip.MustParseAddr("10.0.0.1")
		n.Handle(netip.PrefixFrom(a, 32), simnet.Linux(24))
		conn := n.Conn(13)
		defer conn.Close()
		found := states{}
		sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(ranges(20, 25, a)), Rate: 100}, found)
		if err != nil || found[probe.StateOpen] != 1 || found[probe.StateRefused] != 5 {
			t.Errorf("%v, %v", found, err)
		}
		if sum.Took > 150*time.Millisecond {
			t.Errorf("took %v", sum.Took)
		}
	})
}
