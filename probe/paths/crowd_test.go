package paths

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
)

// crowd answers every probe as a router that was never seen before.
func crowd() simnet.Host {
	told := uint32(10 << 24)
	return simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
		told++
		out.ICMP(0, &simnet.ICMP{From: netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, told))), Type: 11, Quote: *in})
	})
}

// Somebody who answers each probe in another name makes a run neither endless nor dear.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := probetest.World{Host: crowd(), Ports: 1000, Opts: []simnet.Option{simnet.WatchOutgoing()}}
		w.Config.Out.Delay = 10 * time.Millisecond
		conn := w.Conn()
		defer conn.Close()
		m, err := Run(t.Context(), conn, Config{Target: target4, MaxHops: 6})
		if err != nil || m.Complete || m.Probes > 4*mostWide || m.Summary.Took > 30*time.Second {
			t.Errorf("%v: %d probes in %v, complete %v", err, m.Probes, m.Summary.Took, m.Complete)
		}
		if !probetest.Found(m.Findings, "hop-crowded") {
			t.Errorf("findings %v", m.Findings)
		}
		t.Log(m.Probes, m.Asked, len(m.Nodes), m.Summary.Took)
	})
}

// A hop with many silent places, or one address in many of them, is no crowd.
func TestSilenceIsNoCrowd(t *testing.T) {
	router := place{addr: netip.MustParseAddr("192.0.2.1")}
	level := []*vertex{{place: router}}
	for range 2 * mostWide {
		level = append(level, &vertex{silent: true}, &vertex{place: router, box: true}, &vertex{})
	}
	g := &graph{levels: [][]*vertex{nil, level}}
	if ttl := g.crowd(); ttl != 0 {
		t.Errorf("a crowd at hop %d", ttl)
	}
	members := &vertex{}
	for i := range mostWide {
		members.members = append(members.members, place{addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})})
	}
	g.levels[1] = append(level, members)
	if ttl := g.crowd(); ttl != 1 {
		t.Errorf("%d addresses beside it: a crowd at hop %d", mostWide, ttl)
	}
}
