package live_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"

	"synscope/internal/lab"
	"synscope/probe/why"
)

// variety are scenes with other parameters and places than those of scenes: with
// WHY_VARIETY=SEED in the environment they are drawn by it.
func variety(rng *rand.Rand) []scene {
	salt := rng.Uint32()
	n := 2 + rng.IntN(4)
	at := func(k int, rules ...lab.Rule) []lab.RouterSpec {
		list := make([]lab.RouterSpec, n)
		list[min(k, n-1)].Rules = rules
		return list
	}
	rtt := func(l *lab.Link) *lab.Link {
		d := time.Duration(rng.IntN(40)) * time.Millisecond
		l.Out.Delay, l.Back.Delay, l.Out.Jitter = d, d, d/8
		l.Out.Loss, l.Back.Loss = 0.0025, 0.0025
		return l
	}
	between := func(a, b float64) float64 { return a + rng.Float64()*(b-a) }
	synRule := func(do lab.Verb, chance float64, ports lab.PortRange) lab.Rule {
		return lab.Rule{Ports: ports, Do: do, Mask: 0x12, Flags: 2, Chance: chance}
	}
	hold := []lab.Service{{Ports: []uint16{port}, Manner: lab.Hold}}
	banner := []lab.Service{{Ports: []uint16{port}, Manner: lab.Banner, Banner: "SSH-2.0-x\r\n"}}
	closing := []lab.Service{{Ports: []uint16{port}, Manner: lab.AcceptClose}}
	aborting := []lab.Service{{Ports: []uint16{port}, Manner: lab.AcceptReset}}
	kind := byte([]int{2, 3, 4, 8, 30, 34, 77}[rng.IntN(7)])
	limit := uint64(2 + rng.IntN(20))
	quiet := time.Duration(between(0.7, 6) * float64(time.Second))
	return []scene{
		{name: "healthy, holds", spec: lab.HostSpec{Services: hold, Routers: at(0), Link: rtt(&lab.Link{})}, want: codes(why.Healthy)},
		{name: "healthy, banner", spec: lab.HostSpec{Services: banner, Link: rtt(&lab.Link{})}, want: codes(why.Healthy)},
		{name: "healthy, closes", spec: lab.HostSpec{Services: closing, Routers: at(0)}, want: codes(why.Healthy)},
		{name: "healthy, aborts", spec: lab.HostSpec{Services: aborting, Routers: at(0)}, want: codes(why.Healthy)},
		{name: "healthy behind a strict firewall", spec: lab.HostSpec{Services: echo(), Routers: at(1), Rules: []lab.Rule{{Ports: lab.Port(port), Do: lab.Accept}, {Do: lab.Drop}}}, want: codes(why.Healthy)},
		{name: "SYN rate limit", spec: lab.HostSpec{Services: echo(), Routers: at(rng.IntN(n), lab.Rule{Ports: lab.Port(port), Do: lab.Drop, Mask: 0x12, Flags: 2, PerSecond: limit, Burst: uint32(1 + rng.IntN(15))}), Link: rtt(&lab.Link{})}, want: codes(why.PathSYNRateLimit)},
		{name: "host's SYN rate limit", spec: lab.HostSpec{Services: echo(), Rules: []lab.Rule{{Do: lab.Drop, Mask: 0x12, Flags: 2, PerSecond: limit, Burst: uint32(1 + rng.IntN(15))}}}, want: codes(why.PathSYNRateLimit)},
		{name: "lossy way there", spec: lab.HostSpec{Services: echo(), Routers: at(0), Link: &lab.Link{Out: lab.Path{Loss: between(0.1, 0.4)}}}, leaves: 10, want: codes(why.PathLoss)},
		{name: "lossy way back", spec: lab.HostSpec{Services: echo(), Routers: at(0), Link: &lab.Link{Back: lab.Path{Loss: between(0.15, 0.6)}}}, want: codes(why.PathReturnLoss)},
		{name: "new flows fail", spec: lab.HostSpec{Services: echo(), Routers: at(rng.IntN(n), synRule(lab.Drop, between(0.3, 0.8), lab.PortRange{}))}, want: codes(why.PathConntrackFull)},
		{name: "reject", spec: lab.HostSpec{Services: echo(), Routers: at(rng.IntN(n), lab.Rule{Ports: lab.Port(port), Family: lab.IPv4, Do: lab.Reject, Code: []uint8{1, 3, 9, 10, 13}[rng.IntN(5)]}), Link: rtt(&lab.Link{})}, want: codes(why.PathFirewallReject)},
		{name: "drops all", spec: lab.HostSpec{Services: echo(), Routers: at(rng.IntN(n-1), lab.Rule{Do: lab.Drop})}, want: codes(why.PathFirewallDrop)},
		{name: "drops SYNs", spec: lab.HostSpec{Services: echo(), Routers: at(rng.IntN(n-1), synRule(lab.Drop, 0, lab.Port(port)))}, want: codes(why.PathFirewallDrop)},
		{name: "resets", spec: lab.HostSpec{Services: echo(), Routers: at(rng.IntN(n-1), synRule(lab.Reset, 0, lab.Port(port))), Link: rtt(&lab.Link{})}, want: codes(why.PathFirewallReset)},
		{name: "host drops all", spec: lab.HostSpec{Services: echo(), Rules: []lab.Rule{{Do: lab.Drop}}}, want: codes(why.HostFirewall)},
		{name: "host drops port", spec: lab.HostSpec{Services: echo(), Rules: []lab.Rule{{Ports: lab.Port(port), Do: lab.Drop}}}, want: codes(why.HostFirewall)},
		{name: "host resets", spec: lab.HostSpec{Services: echo(), Rules: []lab.Rule{{Ports: lab.Port(port), Do: lab.Reset}}}, want: codes(why.HostNotListening, why.HostFirewall)},
		{name: "not listening", spec: lab.HostSpec{Services: echo(), Link: rtt(&lab.Link{})}, port: 9999, want: codes(why.HostNotListening)},
		{name: "one of several paths", spec: lab.HostSpec{Services: echo(), Routers: at(0), Link: losing(func(p *tcp) bool { return hashed(p, salt) < []float64{0.125, 0.25, 0.5}[salt%3] })}, want: codes(why.PathOneOfSeveral)},
		{name: "an option drops", spec: lab.HostSpec{Services: echo(), Routers: at(0), Link: losing(func(p *tcp) bool { return p.syn() && p.dport == port && p.option(kind) != nil })}, want: codes(why.PathDropsOption, why.PathFirewallDrop)},
		{name: "black hole", spec: lab.HostSpec{Services: hold, Routers: at(0), Link: losing(func(p *tcp) bool { return p.len > 1000+int(salt%400) })}, want: codes(why.PathMTUBlackHole)},
		{name: "idle", spec: lab.HostSpec{Services: echo(), Routers: at(0)}, link: func() *lab.Link { return losing(forgetting(quiet)) }, leaves: 5, want: codes(why.PathIdleTimeout)},
		{name: "cookies", spec: lab.HostSpec{Services: banner, Sysctls: lab.Sysctls{"net.ipv4.tcp_syncookies": "2"}, Routers: at(0)}, want: codes(why.HostSYNCookies)},
		{name: "proxy", spec: lab.HostSpec{Services: echo(), Routers: at(0), SynProxy: &lab.SynProxy{Ports: []uint16{port}, MSS: 1400}}, want: codes(why.PathProxy)},
		{name: "queue", spec: lab.HostSpec{Services: []lab.Service{{Ports: []uint16{port}, Manner: lab.NeverAccept, Backlog: 1 + rng.IntN(12)}}, Routers: at(0)}, want: codes(why.HostAcceptQueue)},
		{name: "queue, resets", spec: lab.HostSpec{Services: []lab.Service{{Ports: []uint16{port}, Manner: lab.NeverAccept, Backlog: 1 + rng.IntN(4)}}, Sysctls: lab.Sysctls{"net.ipv4.tcp_syncookies": "0", "net.ipv4.tcp_abort_on_overflow": "1"}}, want: codes(why.HostAcceptQueueReset)},
		{name: "limit", spec: lab.HostSpec{Services: echo(), Routers: at(0)}, prepare: limited(uint32(2 + rng.IntN(12))), want: codes(why.HostConnectionLimit)},
		{name: "dead backend", spec: lab.HostSpec{Services: echo(), Routers: at(0), Rules: []lab.Rule{{Ports: lab.Port(dead), Do: lab.Drop}}, Link: rtt(&lab.Link{})}, prepare: balanced(dead), want: codes(why.BackendDead)},
		{name: "refusing backend", spec: lab.HostSpec{Services: echo(), Routers: at(0), Link: rtt(&lab.Link{})}, prepare: balanced(closed), want: codes(why.BackendRefusing)},
		{name: "slow", spec: lab.HostSpec{Routers: at(0)}, prepare: slowly(time.Duration(between(1.2, 3) * float64(time.Second))), want: codes(why.HostSlow)},
		{name: "down", spec: lab.HostSpec{Services: echo(), Routers: at(0)}, addr: (*lab.Host).Absent4, want: codes(why.HostDown)},
		{name: "IPv6 too: drops", spec: lab.HostSpec{Services: echo(), Routers: at(0, lab.Rule{Ports: lab.Port(port), Do: lab.Drop})}, addr: (*lab.Host).Addr6, want: codes(why.PathFirewallDrop)},
		{name: "IPv6 too: rejects", spec: lab.HostSpec{Services: echo(), Routers: at(1, lab.Rule{Ports: lab.Port(port), Family: lab.IPv6, Do: lab.Reject, Code: 1})}, addr: (*lab.Host).Addr6, want: codes(why.PathFirewallReject)},
		{name: "IPv6 too: healthy", spec: lab.HostSpec{Services: echo(), Routers: at(0)}, addr: (*lab.Host).Addr6, want: codes(why.Healthy)},
		{name: "IPv6 too: down", spec: lab.HostSpec{Services: echo(), Routers: at(0)}, addr: (*lab.Host).Absent6, want: codes(why.HostDown)},
		{name: "dead address of three", spec: lab.HostSpec{Services: echo(), Routers: at(0)}, more: func(h *lab.Host) []netip.Addr { return []netip.Addr{h.Absent4(), h.Addr6()} }, want: codes(why.NameDeadAddress)},
	}
}

// TestVariety finds the cause in networks with parameters drawn at random.
func TestVariety(t *testing.T) {
	var seed uint64
	if _, err := fmt.Sscan(os.Getenv("WHY_VARIETY"), &seed); err != nil {
		t.Skip("takes minutes: WHY_VARIETY=SEED")
	}
	lab.Require(t)
	judgeAll(t, variety(rand.New(rand.NewPCG(seed, 3))))
}
