package scan_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// bareResets has somebody who sees no numbers send an RST for each SYN, at once.
func bareResets(h simnet.Host) simnet.Host {
	bare := simnet.Mangle(simnet.Closed{}, func(s *craft.Segment) { s.Flags, s.Ack = craft.RST, 0 })
	return simnet.Chorus(simnet.Only(craft.SYN, bare), h)
}

// A port that listens answers the question about an RST as a closed one does. While its SYN-ACK is lost,
// it is not refused.
func TestQuestionedPortsMayListen(t *testing.T) {
	inBubble(t, "first SYNs are lost", func(t *testing.T) {
		seen := once[uint16]()
		listener := &simnet.Listener{}
		lossy := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags != craft.SYN || !seen(in.Dst.Port()) {
				listener.Respond(now, in, out)
			}
		})
		found, s, err := world{Host: bareResets(lossy), Config: over(0)}.scan(t, t.Context(),
			scan.Config{Targets: slices.Values(ranges(80, 119, target.Addr()))})
		if err != nil || s.States[probe.StateOpen] != 40 {
			t.Errorf("%v: %v", s.States, err)
		}
		for _, v := range found.ports {
			if v.RTT != 20*ms {
				t.Errorf("%v took %v", v.Target, v.RTT)
			}
		}
	})
	inBubble(t, "a guard lets retransmissions pass", func(t *testing.T) {
		_, s, err := world{Host: bareResets(probetest.NewPersistent(simnet.Linux(80, 81))), Config: over(0)}.scan(t, t.Context(),
			scan.Config{Targets: slices.Values(ranges(80, 119, target.Addr()))})
		if err != nil || s.States[probe.StateOpen] != 2 || s.States[probe.StateRefused] != 38 {
			t.Errorf("%v: %v", s.States, err)
		}
	})
	inBubble(t, "closed", func(t *testing.T) {
		found, s, err := world{Host: bareResets(simnet.Dropped{}), Config: over(0)}.scan(t, t.Context(),
			scan.Config{Targets: slices.Values(ranges(80, 119, target.Addr()))})
		if v := found.ports[target]; err != nil || v.State != probe.StateRefused || v.Reason != probe.ReasonUnverifiedReset || s.Sent > 6*40 {
			t.Errorf("%v (%v), %d packets: %v", v.State, v.Reason, s.Sent, err)
		}
	})
}

// The question about a bare SYN may be lost as any packet: each transmission's is asked about.
func TestSplitHandshakesBehindLoss(t *testing.T) {
	for seed := range uint64(5) {
		inBubble(t, "", func(t *testing.T) {
			cfg := over(0.1)
			cfg.Seed = seed
			found, s, err := world{Host: simnet.Split{}, Config: cfg}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(ranges(80, 179, target.Addr())), HostsKnown: true, Key: [16]byte{2}})
			if err != nil || s.States[probe.StateOpen] < 98 {
				t.Errorf("%v: %v", s.States, err)
			}
			for _, v := range found.ports {
				if v.RTT != 0 {
					t.Errorf("%v took %v: two round trips", v.Target, v.RTT)
				}
			}
		})
	}
}

// A split handshake that takes two long round trips is waited for, and serves as a witness.
func TestSplitHandshakesFarAway(t *testing.T) {
	inBubble(t, "far", func(t *testing.T) {
		n := simnet.New(simnet.Config{})
		list := addresses(2)
		n.Handle(netip.PrefixFrom(list[0], 32), simnet.Linux(80))
		n.Handle(netip.PrefixFrom(list[1], 32), simnet.Slow(simnet.Split{}, 700*ms))
		found, _, err := scanNet(t, n, scan.Config{Targets: slices.Values(ranges(80, 80, list...))})
		if v := found.ports[netip.AddrPortFrom(list[1], 80)]; v.State != probe.StateOpen {
			t.Errorf("%v (%v): %v", v.State, v.Reason, err)
		}
	})
	inBubble(t, "witness", func(t *testing.T) {
		host := simnet.Mux{Ports: map[uint16]simnet.Host{80: simnet.Split{}}, Default: simnet.Dropped{}}
		found, _, err := world{Host: host, Config: over(0)}.scan(t, t.Context(),
			scan.Config{Targets: slices.Values(ranges(80, 279, target.Addr()))})
		if h := found.hosts[target.Addr()]; err != nil || len(h.Findings) > 0 {
			t.Errorf("%v: %v", probetest.Codes(h.Findings), err)
		}
	})
}
