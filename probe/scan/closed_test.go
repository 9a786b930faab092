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

// halfOpen counts the connections that SYN-ACKs have opened at hosts, and that no RST has closed since.
type halfOpen map[connection]craft.Seq

type connection struct{ host, ours netip.AddrPort }

func (o halfOpen) observe(ev simnet.Event) {
	var p craft.Packet
	if ev.Fate != simnet.Passed || p.Decode(ev.Data, craft.VerifyChecksums) != nil || p.Kind != craft.PacketTCP {
		return
	}
	switch s := &p.Segment; {
	case ev.Dir == simnet.In && s.Flags == craft.SYN|craft.ACK:
		o[connection{s.Src, s.Dst}] = s.Ack
	case ev.Dir == simnet.Out && s.Flags == craft.RST && o[connection{s.Dst, s.Src}] == s.Seq:
		delete(o, connection{s.Dst, s.Src})
	}
}

// A port that is asked again, by the same SYN, opens another connection with another number (RFC 6528):
// each of them is closed, and nobody is accused of a storm.
func TestWhatIsAskedAgainIsClosedEachTime(t *testing.T) {
	drops := simnet.Linux(22, 80, 443)
	drops.Default = simnet.Dropped{}
	banned := simnet.Linux(22, 80, 443)
	for name, c := range map[string]struct {
		host simnet.Host
		rate float64
	}{
		"drops most ports":            {drops, 100},
		"drops most ports, asked on":  {drops, 1000},
		"refuses, and is away thrice": {simnet.Away(simnet.Away(simnet.Away(banned, 2*time.Second, 4*time.Second), 8*time.Second, 9*time.Second), 15*time.Second, 16*time.Second), 200},
	} {
		inBubble(t, name, func(t *testing.T) {
			open := halfOpen{}
			net := over(0)
			net.Observe = open.observe
			found, s, err := world{Host: c.host, Config: net}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(ranges(1, 4000, target.Addr())), Rate: c.rate, Canaries: true})
			if err != nil || s.Storms > 0 || s.ResetsLost > 0 {
				t.Errorf("%v: %d storms, %d RSTs taken for lost", err, s.Storms, s.ResetsLost)
			}
			if f := probetest.Codes(found.hosts[target.Addr()].Findings); len(f) > 0 {
				t.Errorf("findings %v", f)
			}
			if len(open) > 0 || s.States[probe.StateOpen] != 3 {
				t.Errorf("%d connections stay half open; %v", len(open), s.States)
			}
		})
	}
}

// losesFirstReset is a host to which the first RST to each of its ports is lost.
func losesFirstReset(host simnet.Host) simnet.Host {
	lost := map[netip.AddrPort]bool{}
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Flags == craft.RST && !lost[in.Dst] {
			lost[in.Dst] = true
			return
		}
		host.Respond(now, in, out)
	})
}

// An RST that was lost is told of, however long a scan waits for answers.
func TestLostResetsAreCountedAtAnyTimeout(t *testing.T) {
	drops := simnet.Linux(22, 80)
	drops.Default = simnet.Dropped{}
	for _, timeout := range []time.Duration{time.Second, 4 * time.Second} {
		inBubble(t, timeout.String(), func(t *testing.T) {
			_, s, err := world{Host: losesFirstReset(drops), Config: over(0)}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(ranges(1, 100, target.Addr())), Rate: 50, Timeout: timeout})
			if err != nil || s.ResetsLost != 2 {
				t.Errorf("%d of 2 RSTs are said to be lost, %v", s.ResetsLost, err)
			}
		})
	}
}
