//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// agree probes every target of a lab with every raw technique and compares what
// comes back with the oracle.
func agree(t *testing.T, l *Lab) {
	t.Helper()
	p := newProber(t)
	asked := make(map[uint16]Expectation)
	sport, answered := uint16(20000), 0
	for _, h := range l.Hosts() {
		for _, a := range h.Addresses() {
			for _, port := range h.Ports() {
				for _, technique := range Techniques() {
					dst := netip.AddrPortFrom(a, port)
					e := h.Expect(dst, technique)
					if !e.Certain || technique == "connect" {
						continue
					}
					src := h.Prober4()
					if a.Is6() {
						src = h.Prober6()
					}
					sport++
					asked[sport] = e
					if e.Reason != "no-response" {
						answered++
					}
					p.send(src, sport, dst, probes[technique])
				}
			}
		}
	}
	got := p.collect(answered)
	fates := make(map[Fate]int)
	for sport, e := range asked {
		fates[e.Fate]++
		if a := got[sport]; !matches(e, a) {
			t.Errorf("%v: got %v", e, a)
		}
	}
	t.Logf("%d probes: %v", len(asked), fates)
}

// matches tells whether an answer is the one expected on the wire.
func matches(e Expectation, a answer) bool {
	switch e.Reason {
	case "no-response":
		return a == answer{}
	case "syn-ack":
		return a.flags&0x12 == 0x12 && a.ack == 1001 && a.from == e.Responder
	case "reset":
		numbers := a.flags&0x10 != 0 && a.ack == 1000+consumed(e.Technique) || a.seq == 2000
		return a.flags&4 != 0 && numbers && a.window == 0 && a.from == e.Responder
	}
	return a.icmp == [2]uint8{e.Type, e.Code} && a.from == e.Responder
}

// consumed is the sequence space of a probe.
func consumed(technique string) uint32 {
	if technique == "null" {
		return 0
	}
	return 1
}

func TestStandardAnswersAsExpected(t *testing.T) {
	Require(t)
	start := time.Now()
	l, err := New(Standard(1, t.Logf))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("built in %v", time.Since(start))
	agree(t, l)
	start = time.Now()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("closed in %v", time.Since(start))
}

func TestRulesAnswerAsExpected(t *testing.T) {
	Require(t)
	l, err := New(Spec{Seed: 1, Hosts: []HostSpec{
		{Name: "synonly", Services: http(), Rules: []Rule{{Ports: Port(80), Do: Drop, Mask: 0x12, Flags: 0x02}}},
		{Name: "range", Services: http(), Rules: []Rule{
			{Ports: PortRange{100, 200}, Family: IPv4, Do: Drop},
			{Ports: PortRange{150, 300}, Do: Reset},
			{Ports: Port(80), Do: Drop, Chance: 1},
		}},
		{Name: "chain", Services: http(), Routers: []RouterSpec{
			{},
			{Rules: []Rule{{Ports: Port(81), Do: Reset}}},
			{Rules: []Rule{{Ports: Port(82), Family: IPv4, Do: Reject, Code: 1}, {Ports: Port(82), Family: IPv6, Do: Reject, Code: 3}}},
		}, Prefixes: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/28"), netip.MustParsePrefix("2001:db8:71::/96")}},
		{Name: "proxied", Services: http(), SynProxy: &SynProxy{Ports: []uint16{80}, MSS: 1400, WindowScale: 7, Timestamps: true, SACK: true}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	agree(t, l)
	for hop := range 3 {
		h := l.Host("chain")
		if err := h.DoRouter(hop, func() error { return nil }); err != nil {
			t.Errorf("router %d: %v", hop, err)
		}
	}
}

func TestTTLFallsByOnePerRouter(t *testing.T) {
	for _, routers := range []int{0, 1, 3, maxHops - 1} {
		t.Run(fmt.Sprint(routers), func(t *testing.T) {
			h := build(t, HostSpec{Routers: make([]RouterSpec, routers)})
			p := newProber(t)
			p.send(h.Prober4(), 30001, netip.AddrPortFrom(h.Addr4(), 9), 2)
			p.send(h.Prober6(), 30002, netip.AddrPortFrom(h.Addr6(), 9), 2)
			got := p.collect(2)
			for _, sport := range []uint16{30001, 30002} {
				if a := got[sport]; int(a.ttl) != 64-routers || h.Hops() != routers {
					t.Errorf("%d hops: TTL %d of %v", h.Hops(), a.ttl, a)
				}
			}
		})
	}
}

func TestExpectWords(t *testing.T) {
	v4 := netip.MustParseAddrPort("192.0.2.1:80")
	v6 := netip.MustParseAddrPort("[2001:db8::1]:80")
	tests := []struct {
		e             Expectation
		state, reason string
	}{
		{Expectation{Dst: v4, Technique: "syn", Fate: Opened}, "open", "syn-ack"},
		{Expectation{Dst: v4, Technique: "connect", Fate: Opened}, "open", "connected"},
		{Expectation{Dst: v4, Technique: "ack", Fate: Opened}, "unfiltered", "reset"},
		{Expectation{Dst: v4, Technique: "window", Fate: Opened}, "refused", "reset"},
		{Expectation{Dst: v4, Technique: "maimon", Fate: Opened}, "refused", "reset"},
		{Expectation{Dst: v4, Technique: "xmas", Fate: Opened}, "open|filtered", "no-response"},
		{Expectation{Dst: v4, Technique: "connect", Fate: Refused}, "refused", "conn-refused"},
		{Expectation{Dst: v4, Technique: "fin", Fate: ResetByFirewall}, "refused", "reset"},
		{Expectation{Dst: v4, Technique: "window", Fate: Dropped}, "filtered", "no-response"},
		{Expectation{Dst: v4, Technique: "fin", Fate: Rejected, Type: 3, Code: 13}, "filtered", "admin-prohibited"},
		{Expectation{Dst: v4, Technique: "fin", Fate: Rejected, Type: 3, Code: 11}, "filtered", "icmp-3-11"},
		{Expectation{Dst: v6, Technique: "syn", Fate: Rejected, Type: 1, Code: 5}, "filtered", "policy-failed"},
		{Expectation{Dst: v6, Technique: "connect", Fate: Rejected, Type: 1, Code: 5}, "filtered", ""},
		{Expectation{Dst: v4, Technique: "syn", Fate: Missing}, "filtered", ""},
	}
	for _, test := range tests {
		state, reason := test.e.judge()
		if state != test.state || reason != test.reason {
			t.Errorf("%v: %s, %s; want %s, %s", test.e, state, reason, test.state, test.reason)
		}
	}
}
