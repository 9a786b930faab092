package probe_test

import (
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
)

// An RST that finds the queue of this machine full is sent anew before the host asks again, a second later.
func TestResetsWaitForRoom(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refusals := 0
				open := map[[2]netip.AddrPort]time.Duration{} // since when
				late := func(flow [2]netip.AddrPort, at time.Duration) bool {
					since, ok := open[flow]
					return ok && at-since > 900*time.Millisecond
				}
				w := probetest.World{Host: probetest.Listener(), Ports: e.ports, Config: simnet.Config{
					SendError: func(pkt []byte) error {
						var p craft.Packet
						if p.Decode(pkt, craft.VerifyChecksums) != nil || p.Segment.Flags != craft.RST {
							return nil
						}
						if refusals++; refusals%4 == 0 {
							return nil
						}
						return syscall.ENOBUFS
					},
					Observe: func(ev simnet.Event) {
						var p craft.Packet
						if ev.Dir != simnet.Out || p.Decode(ev.Data, craft.VerifyChecksums) != nil {
							return
						}
						flow := [2]netip.AddrPort{p.Segment.Src, p.Segment.Dst}
						if late(flow, ev.Elapsed) {
							t.Errorf("%v: open from %v to %v", flow, open[flow], ev.Elapsed)
						}
						switch flags := p.Segment.Flags; {
						case flags == craft.SYN:
							open[flow] = ev.Elapsed
						case flags.Has(craft.RST) || flags.Has(craft.FIN):
							delete(open, flow)
						}
					},
				}}
				conn := w.Conn()
				defer conn.Close()
				if _, err := e.ask(t.Context(), conn, probetest.Target); err != nil {
					t.Error(err)
				}
				if refusals == 0 && e.name != "handshake" { // it ends what it opens by FIN
					t.Error("no RST was refused")
				}
				for flow, since := range open {
					t.Errorf("%v: open since %v", flow, since)
				}
			})
		})
	}
}
