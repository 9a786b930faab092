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

// A SYN-ACK with exactly our number from another address opens nothing: it is counted
// and told of as what it is, and its half-open connection is closed. One with another
// number is not.
func TestAnswersFromElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := netip.MustParseAddr("198.51.100.99")
		resets := map[netip.AddrPort]int{}
		host := simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags.Has(craft.RST) {
				resets[in.Dst]++
				return
			}
			answer := &craft.Segment{Src: netip.AddrPortFrom(other, in.Dst.Port()), Dst: in.Src, TTL: 64, Seq: 7, Ack: in.Seq.Add(1)}
			switch answer.Flags = craft.SYN | craft.ACK; in.Dst.Port() {
			case 81:
				answer.Ack++ // nobody's
			case 82:
				answer.Flags = craft.RST | craft.ACK
			}
			out.Segment(0, answer)
		})
		found, s, err := world{Host: host}.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(80, 82, target.Addr()))})
		if err != nil {
			t.Fatal(err)
		}
		for port := uint16(80); port <= 82; port++ {
			v := found.ports[netip.AddrPortFrom(target.Addr(), port)]
			told := len(v.Findings) == 1 && v.Findings[0].Code == "other-address" && v.Findings[0].Evidence == "it came from 198.51.100.99:80"
			if v.State != probe.StateFiltered || v.Reason != probe.ReasonNoResponse || told != (port == 80) {
				t.Errorf("port %d: %+v", port, v)
			}
		}
		if n := s.Rejected["bad-ack"]; n == 0 || s.Rejected["other-address"] != 2*n {
			t.Errorf("rejected %v", s.Rejected)
		}
		if n := resets[netip.AddrPortFrom(other, 80)]; n == 0 || resets[netip.AddrPortFrom(other, 81)] > 0 {
			t.Errorf("resets %v", resets)
		}
	})
}
