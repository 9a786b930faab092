package scan_test

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// storming answers each SYN by SYN-ACKs with our number and ever other numbers of its
// own, one each 10 ms for a minute.
func storming() simnet.Host {
	return simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Flags != craft.SYN {
			return
		}
		for i := range 6000 {
			out.Segment(time.Duration(i)*10*ms, &craft.Segment{
				Src: in.Dst, Dst: in.Src, TTL: 60, Seq: craft.Seq(i * 77777), Ack: in.Seq.Add(1), Flags: craft.SYN | craft.ACK, Window: 64240,
			})
		}
	})
}

// One host that answers without end does not keep the others from being probed: what
// answers it has half of the pace at most, and a connection gets a few RSTs. The others
// are done about when they would be without it, and of it is told.
func TestStormsDoNotHoldTheScan(t *testing.T) {
	const rate, ports, hosts = 100, 12, 20
	hostile := netip.MustParseAddr("198.51.100.99")
	run := func(t *testing.T, bad simnet.Host) (honest time.Duration, found *collector, s probe.Summary, worst int) {
		perSecond := map[int]int{}
		w := world{Config: simnet.Config{
			Out: simnet.Path{Delay: 5 * ms}, Back: simnet.Path{Delay: 5 * ms},
			Observe: func(e simnet.Event) {
				if e.Dir == simnet.Out {
					perSecond[int(e.Elapsed/time.Second)]++
				}
			},
		}, Host: simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Dst.Addr() == hostile {
				bad.Respond(now, in, out)
				return
			}
			simnet.Linux(3).Respond(now, in, out)
		})}
		var targets []netip.AddrPort
		for port := range uint16(ports) {
			for i := range hosts {
				targets = append(targets, netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)}), port+1))
			}
			targets = append(targets, netip.AddrPortFrom(hostile, port+1))
		}
		found, s, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(targets), Rate: rate})
		if err != nil {
			t.Fatal(err)
		}
		for target, at := range found.at {
			if target.Addr() != hostile {
				honest = max(honest, at)
			}
		}
		for _, n := range perSecond {
			worst = max(worst, n)
		}
		return honest, found, s, worst
	}
	synctest.Test(t, func(t *testing.T) {
		alone, _, _, _ := run(t, simnet.AllOpen{})
		beside, found, s, worst := run(t, storming())
		if beside > alone*3/2 {
			t.Errorf("the last port of the others after %v, without it after %v", beside, alone)
		}
		if worst > rate+2 {
			t.Errorf("%d packets in a second at %d", worst, rate)
		}
		if most := uint64(ports*4*2 + hosts*8); s.Resets > most {
			t.Errorf("%d RSTs, at most %d", s.Resets, most)
		}
		if got := probetest.Codes(found.hosts[hostile].Findings); !slices.Contains(got, "synack-storm") {
			t.Errorf("findings %v", got)
		}
		for addr, h := range found.hosts {
			if addr != hostile && probetest.Found(h.Findings, "synack-storm") {
				t.Errorf("%v: %v", addr, h.Findings)
			}
		}
		t.Logf("others done after %v, %v without; %d RSTs in %v, %d packets in a second at most", beside, alone, s.Resets, s.Took, worst)
	})
}
