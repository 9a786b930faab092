package live_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"synscope/internal/lab"
	"synscope/netraw"
	"synscope/probe/why"
	"synscope/probe/why/live"
)

// These tests wait for networks, not for processors: many run side by side.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "20")
	os.Exit(lab.Main(m))
}

// port is served in all scenes.
const port = 8443

// scene is a real network with a fault.
type scene struct {
	name string
	spec lab.HostSpec
	port uint16 // 0: port
	// want are the codes that may come first: several where the same packets
	// mean either.
	want []why.Code
	// prepare changes the network after it was built.
	prepare func(t *testing.T, h *lab.Host)
	// link is made anew for each run of the scene, where it remembers what has passed,
	// or when it began; nil: the spec's.
	link func() *lab.Link
	addr func(h *lab.Host) netip.Addr   // of the target; nil: the host's own
	more func(h *lab.Host) []netip.Addr // further addresses of the name
	// held is told of the source ports that will be used.
	held  func(t *testing.T, h *lab.Host, ports []uint16)
	only  []string
	says  string // part of what is said of the cause
	wire  side   // where its packets are to be seen
	asked string // variable of the environment without which it is left out
	// leaves is how many connections may stay open at the host: where closing segments
	// are lost, and where the scene opens some of its own.
	leaves int
}

// side is which of a scene's packets cross the interface that leads to the host.
type side uint8

const (
	here      side = iota // all of them
	elsewhere             // answers come by another one
	nowhere               // none that go to the target: they do not leave this machine
)

func echo() []lab.Service { return []lab.Service{{Ports: []uint16{port, 22}, Manner: lab.Echo}} }

func routers(n int, rules ...lab.Rule) []lab.RouterSpec {
	list := make([]lab.RouterSpec, n)
	list[0].Rules = rules
	return list
}

// tcp reads what the scenes need of an IPv4 packet.
type tcp struct {
	sport, dport uint16
	flags        byte
	tos, ttl     byte
	len          int
	options      []byte
	payload      int
	seq          uint32
}

func parse(ip []byte) (p tcp, ok bool) {
	if len(ip) < 40 || ip[0]>>4 != 4 || ip[9] != 6 {
		return p, false
	}
	h := int(ip[0]&15) * 4
	p = tcp{sport: binary.BigEndian.Uint16(ip[h:]), dport: binary.BigEndian.Uint16(ip[h+2:]), flags: ip[h+13], tos: ip[1], ttl: ip[8],
		len: int(binary.BigEndian.Uint16(ip[2:])), seq: binary.BigEndian.Uint32(ip[h+4:])}
	end := h + int(ip[h+12]>>4)*4
	p.options, p.payload = ip[h+20:min(end, len(ip))], p.len-end
	return p, true
}

func (p *tcp) syn() bool { return p.flags&0x12 == 0x02 }

// option is the data of an option of a kind, nil if there is none.
func (p *tcp) option(kind byte) []byte {
	for o := p.options; len(o) > 0; {
		switch {
		case o[0] == kind && len(o) >= 2:
			return o[2:o[1]]
		case o[0] == 0:
			return nil
		case o[0] == 1:
			o = o[1:]
		case len(o) < 2 || int(o[1]) < 2 || int(o[1]) > len(o):
			return nil
		default:
			o = o[o[1]:]
		}
	}
	return nil
}

// losing is a link that loses the TCP packets of ours of which a condition holds.
func losing(f func(p *tcp) bool) *lab.Link {
	return &lab.Link{Out: lab.Path{Lose: func(ip []byte) bool { p, ok := parse(ip); return ok && f(&p) }}}
}

// forgettingBoth loses what belongs to a connection of which nothing was seen in either
// direction for so long.
func forgettingBoth(after time.Duration) *lab.Link {
	var mu sync.Mutex
	last := map[uint16]time.Time{}
	old := func(port uint16, syn bool) bool {
		mu.Lock()
		defer mu.Unlock()
		at, known := last[port]
		if known && !syn && time.Since(at) > after {
			return true
		}
		last[port] = time.Now()
		return false
	}
	l := losing(func(p *tcp) bool { return old(p.sport, p.syn()) })
	l.Back = losing(func(p *tcp) bool { return old(p.dport, false) }).Out
	return l
}

// losingBack is a link that loses such packets of the host's.
func losingBack(f func(p *tcp) bool) *lab.Link {
	return &lab.Link{Back: losing(f).Out}
}

// greeting is a service that says so many bytes as soon as somebody connects.
func greeting(n int) []lab.Service {
	return []lab.Service{{Ports: []uint16{port}, Manner: lab.Banner, Banner: "220 " + strings.Repeat("x", n) + "\r\n"}}
}

// answering serves a program that says so many bytes once it was asked something, and closes.
func answering(p uint16, n int) func(*testing.T, *lab.Host) {
	return func(t *testing.T, h *lab.Host) {
		serve(t, h, p, func(c net.Conn) {
			if b := make([]byte, 4); readsGET(c, b) {
				c.Write([]byte("HTTP/1.0 200 OK\r\n\r\n" + strings.Repeat("y", n)))
				time.Sleep(3 * time.Second)
			}
		})
	}
}

func readsGET(r io.Reader, b []byte) bool {
	_, err := io.ReadFull(r, b)
	return err == nil && string(b) == "GET "
}

// banning loses all SYNs to the port after so many.
func banning(after int) func(*tcp) bool {
	n := 0
	return func(p *tcp) bool {
		if !p.syn() || p.dport != port {
			return false
		}
		n++
		return n > after
	}
}

// limiting loses SYNs to the port beyond a rate a second, after a burst.
func limiting(rate, burst float64) func(*tcp) bool {
	tokens, last := burst, time.Now()
	return func(p *tcp) bool {
		if !p.syn() || p.dport != port {
			return false
		}
		tokens = min(burst, tokens+rate*time.Since(last).Seconds())
		if last = time.Now(); tokens < 1 {
			return true
		}
		tokens--
		return false
	}
}

// hashed is a hash of a flow, from 0 to 1.
func hashed(p *tcp, salt uint32) float64 {
	x := (uint32(p.sport) ^ salt) * 0x9e3779b1 // mixed as splitmix does
	x = (x ^ x>>16) * 0x85ebca6b
	x = (x ^ x>>13) * 0xc2b2ae35
	return float64((x^x>>16)>>8) / float64(1<<24)
}

// oldSYNs loses SYNs whose timestamp is older than one before: PAWS by address.
func oldSYNs() func(*tcp) bool {
	newest, seen := uint32(0), false
	return func(p *tcp) bool {
		ts := p.option(8)
		if !p.syn() || p.dport != port || len(ts) < 8 {
			return false
		}
		val := binary.BigEndian.Uint32(ts)
		const sameClock = 1 << 28 // another diagnosis has another clock: it begins anew
		if behind := int32(newest - val); seen && behind > 0 && behind < sameClock {
			return true
		}
		newest, seen = val, true
		return false
	}
}

// forgetting loses what belongs to a connection that was quiet for so long.
func forgetting(after time.Duration) func(*tcp) bool {
	last := map[uint16]time.Time{}
	return func(p *tcp) bool {
		at, known := last[p.sport]
		if known && !p.syn() && time.Since(at) > after {
			return true
		}
		last[p.sport] = time.Now()
		return false
	}
}

// unproven loses the first SYN of each flow, and lets it pass when it comes once more.
func unproven() func(*tcp) bool {
	seen := map[[2]uint32]bool{}
	return func(p *tcp) bool {
		key := [2]uint32{uint32(p.sport), p.seq}
		first := p.syn() && p.dport == port && !seen[key]
		seen[key] = true
		return first
	}
}

// from loses what goes to the port from so long after its first packet on.
func from(d time.Duration) func(*tcp) bool {
	var first time.Time
	return func(p *tcp) bool {
		if p.dport != port {
			return false
		}
		if first.IsZero() {
			first = time.Now()
		}
		return time.Since(first) > d
	}
}

// reopening loses SYNs of a tuple that was closed before.
func reopening() func(*tcp) bool {
	closed := map[uint16]bool{}
	return func(p *tcp) bool {
		if p.dport == port && p.flags&0x01 != 0 {
			closed[p.sport] = true
		}
		return p.syn() && closed[p.sport]
	}
}

func scenes() []scene {
	salt := rand.Uint32()
	return []scene{
		{name: "healthy", spec: lab.HostSpec{Services: echo()}, want: codes(why.Healthy)},
		{name: "healthy far away", spec: lab.HostSpec{Services: echo(), Routers: routers(3), Link: &lab.Link{Out: lab.Path{Delay: 8 * time.Millisecond, Jitter: 2 * time.Millisecond}, Back: lab.Path{Delay: 8 * time.Millisecond}}}, want: codes(why.Healthy)},
		{name: "program that closes", spec: lab.HostSpec{Services: []lab.Service{{Ports: []uint16{port}, Manner: lab.AcceptClose}}}, only: []string{"flows", "hold"}, want: codes(why.Healthy), says: "without a word"},
		{name: "nothing listens", spec: lab.HostSpec{Services: echo(), Routers: routers(2)}, port: 81, want: codes(why.HostNotListening)},
		{name: "host drops", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Rules: []lab.Rule{{Ports: lab.Port(port), Do: lab.Drop}}}, want: codes(why.HostFirewall)},
		{name: "host rejects", spec: lab.HostSpec{Services: echo(), Rules: []lab.Rule{{Ports: lab.Port(port), Family: lab.IPv4, Do: lab.Reject, Code: 13}}}, want: codes(why.HostFirewall)},
		{name: "router drops", spec: lab.HostSpec{Services: echo(), Routers: routers(3, lab.Rule{Ports: lab.Port(port), Do: lab.Drop})}, want: codes(why.PathFirewallDrop)},
		{name: "router rejects", spec: lab.HostSpec{Services: echo(), Routers: routers(2, lab.Rule{Ports: lab.Port(port), Family: lab.IPv4, Do: lab.Reject, Code: 13})}, want: codes(why.PathFirewallReject)},
		{name: "router resets", spec: lab.HostSpec{Services: echo(), Routers: routers(3, lab.Rule{Ports: lab.Port(port), Do: lab.Reset})}, want: codes(why.PathFirewallReset)},
		{name: "router limits SYNs", spec: lab.HostSpec{Services: echo(), Routers: routers(2, lab.Rule{Ports: lab.Port(port), Do: lab.Drop, Mask: 0x12, Flags: 2, PerSecond: 5, Burst: 6})}, want: codes(why.PathSYNRateLimit)},
		{name: "loss", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Link: &lab.Link{Out: lab.Path{Loss: 0.15}, Back: lab.Path{Loss: 0.15}}}, want: codes(why.PathLoss)},
		{name: "round trips longer than a second", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Link: &lab.Link{Out: lab.Path{Delay: 700 * time.Millisecond}, Back: lab.Path{Delay: 700 * time.Millisecond}}}, want: codes(why.Healthy)},
		{name: "first SYNs are dropped", spec: lab.HostSpec{Services: echo(), Routers: routers(2)}, link: func() *lab.Link { return losing(unproven()) }, want: codes(why.PathSYNProof)},
		{name: "answers from another address", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Rules: []lab.Rule{{Ports: lab.Port(port), Do: lab.Drop}}, Link: &lab.Link{}}, prepare: injected(forgeElsewhere), want: codes(why.NATOtherAddress)},
		{name: "answers are lost", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Link: &lab.Link{Back: lab.Path{Loss: 0.4}}}, want: codes(why.PathReturnLoss)},
		{name: "new flows fail", spec: lab.HostSpec{Services: echo(), Routers: routers(2, lab.Rule{Do: lab.Drop, Mask: 0x12, Flags: 2, Chance: 0.6})}, want: codes(why.PathConntrackFull)},
		{name: "one path of four", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Link: losing(func(p *tcp) bool { return hashed(p, salt) < 0.25 })}, want: codes(why.PathOneOfSeveral)},
		{name: "black hole", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Link: losing(func(p *tcp) bool { return p.len > 1200 })}, want: codes(why.PathMTUBlackHole)},
		{name: "large answers are lost", spec: lab.HostSpec{Services: greeting(4000), Routers: routers(2), Link: losingBack(func(p *tcp) bool { return p.len > 1200 })}, want: codes(why.PathMTUBlackHole)},
		{name: "large answers to a request are lost", spec: lab.HostSpec{Routers: routers(2), Link: losingBack(func(p *tcp) bool { return p.len > 1200 })}, port: 8080, prepare: answering(8080, 5000), want: codes(why.PathMTUBlackHole)},
		{name: "answers are large", spec: lab.HostSpec{Services: greeting(4000), Routers: routers(2)}, want: codes(why.Healthy)},
		{name: "banned after some SYNs", spec: lab.HostSpec{Services: echo(), Routers: routers(2)}, link: func() *lab.Link { return losing(banning(9)) }, leaves: 20, want: codes(why.PathSYNRateLimit)},
		{name: "a limit by the minute", spec: lab.HostSpec{Services: echo(), Routers: routers(2)}, link: func() *lab.Link { return losing(limiting(0.3, 5)) }, leaves: 20, want: codes(why.PathSYNRateLimit)},
		{name: "host says network unreachable", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Rules: []lab.Rule{{Ports: lab.Port(port), Family: lab.IPv4, Do: lab.Reject, Code: 0}}}, want: codes(why.HostFirewall)},
		{name: "one address fails now and then", spec: lab.HostSpec{Services: echo(), Routers: routers(1, lab.Rule{Family: lab.IPv6, Do: lab.Drop, Mask: 0x12, Flags: 2, Chance: 0.6})}, more: func(h *lab.Host) []netip.Addr { return []netip.Addr{h.Addr6()} }, want: codes(why.NameIPv6Broken, why.NameDeadAddress)},
		{name: "idle timeout", spec: lab.HostSpec{Services: echo(), Routers: routers(2)}, link: func() *lab.Link { return losing(forgetting(3 * time.Second)) }, leaves: 3, want: codes(why.PathIdleTimeout)},
		{name: "idle timeout, whoever speaks", spec: lab.HostSpec{Services: echo(), Routers: routers(2)}, link: func() *lab.Link { return forgettingBoth(3 * time.Second) }, leaves: 3, want: codes(why.PathIdleTimeout)},
		{name: "timestamps dropped", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Link: losing(func(p *tcp) bool { return p.syn() && p.option(8) != nil && p.dport == port })}, want: codes(why.PathDropsOption)},
		{name: "MPTCP dropped", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Link: losing(func(p *tcp) bool { return p.syn() && p.option(30) != nil })}, want: codes(why.PathDropsOption)},
		{name: "ECN dropped", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Link: losing(func(p *tcp) bool { return p.syn() && p.flags&0xc0 != 0 })}, want: codes(why.PathDropsECN)},
		{name: "DSCP dropped", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Link: losing(func(p *tcp) bool { return p.syn() && p.tos&0xfc != 0 })}, want: codes(why.PathDropsTOS)},
		{name: "PAWS", spec: lab.HostSpec{Services: echo(), Routers: routers(2)}, link: func() *lab.Link { return losing(oldSYNs()) }, want: codes(why.NATPAWS)},
		{name: "SYN cookies", spec: lab.HostSpec{Services: echo(), Sysctls: lab.Sysctls{"net.ipv4.tcp_syncookies": "2"}}, want: codes(why.HostSYNCookies)},
		{name: "SYN proxy", spec: lab.HostSpec{Services: echo(), SynProxy: &lab.SynProxy{Ports: []uint16{port}, MSS: 1460, WindowScale: 7, Timestamps: true, SACK: true}}, want: codes(why.PathProxy)},
		{name: "nobody accepts", spec: lab.HostSpec{Services: []lab.Service{{Ports: []uint16{port}, Manner: lab.NeverAccept, Backlog: 3}}}, want: codes(why.HostAcceptQueue)},
		{name: "nobody accepts, and resets", spec: lab.HostSpec{Services: []lab.Service{{Ports: []uint16{port}, Manner: lab.NeverAccept, Backlog: 3}}, Sysctls: lab.Sysctls{"net.ipv4.tcp_syncookies": "0", "net.ipv4.tcp_abort_on_overflow": "1"}}, want: codes(why.HostAcceptQueueReset)},
		{name: "slow program", spec: lab.HostSpec{}, prepare: slowly(1500 * time.Millisecond), want: codes(why.HostSlow)},
		{name: "host down on the link", spec: lab.HostSpec{Services: echo()}, addr: (*lab.Host).Absent4, wire: nowhere, want: codes(why.LocalNoNeighbour, why.HostDown)},
		{name: "host down behind a router", spec: lab.HostSpec{Services: echo(), Routers: routers(2)}, addr: (*lab.Host).Absent4, want: codes(why.HostDown)},
		{name: "no route", spec: lab.HostSpec{Services: echo()}, addr: func(*lab.Host) netip.Addr { return netip.MustParseAddr("203.0.113.9") }, wire: nowhere, want: codes(why.LocalNoRoute)},
		{name: "comes and goes", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Link: losing(func(p *tcp) bool { return p.dport == port && time.Now().UnixMilli()%3500 > 2000 })}, leaves: 20, want: codes(why.BackendFlapping)},
		{name: "SYNs to one port fail", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Link: losing(func(p *tcp) bool { return p.syn() && p.dport == port && rand.Float64() < 0.6 })}, want: codes(why.HostSYNQueue)},
		{name: "dead backend", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Rules: []lab.Rule{{Ports: lab.Port(dead), Do: lab.Drop}}}, prepare: balanced(dead), want: codes(why.BackendDead)},
		{name: "refusing backend", spec: lab.HostSpec{Services: echo(), Routers: routers(2)}, prepare: balanced(closed), want: codes(why.BackendRefusing)},
		{name: "slow backend", spec: lab.HostSpec{Services: []lab.Service{{Ports: []uint16{port}, Manner: lab.Banner, Banner: "220 ready\r\n"}}, Routers: routers(2)}, prepare: slowBackend, want: codes(why.BackendSlow)},
		{name: "connection limit", spec: lab.HostSpec{Services: echo()}, prepare: limited(8), want: codes(why.HostConnectionLimit)},
		{name: "own firewall, outward", spec: lab.HostSpec{Services: []lab.Service{{Ports: []uint16{8500}, Manner: lab.Echo}}}, port: 8500, prepare: restricted(8500), wire: nowhere, want: codes(why.LocalFirewall)},
		{name: "own firewall, inward", spec: lab.HostSpec{Services: []lab.Service{{Ports: []uint16{8501}, Manner: lab.Echo}}}, port: 8501, prepare: deaf(8501), want: codes(why.LocalFirewall)},
		{name: "gateway away", spec: lab.HostSpec{Services: echo()}, addr: func(h *lab.Host) netip.Addr { return netip.AddrFrom4([4]byte{198, 18, h.Addr4().As4()[2], 9}) }, prepare: lostGateway, wire: nowhere, want: codes(why.LocalNoNeighbour)},
		{name: "no carrier", spec: lab.HostSpec{Services: echo()}, prepare: unplugged, wire: nowhere, want: codes(why.LocalInterface)},
		{name: "injected resets", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Link: &lab.Link{}}, prepare: injected(forgeReset), want: codes(why.PathInjectedReset)},
		{name: "ICMP errors before the SYN-ACK", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Link: &lab.Link{Back: lab.Path{Delay: 20 * time.Millisecond}}}, prepare: injected(forgeUnreachable), want: codes(why.Healthy)},
		{name: "goes away for good", spec: lab.HostSpec{Services: echo(), Routers: routers(2)}, link: func() *lab.Link { return losing(from(2500 * time.Millisecond)) }, leaves: 40, want: codes(why.BackendFlapping, why.Unknown, why.PathSYNRateLimit)}, // a ban looks the same
		{name: "loss and a dead backend", spec: lab.HostSpec{Services: echo(), Routers: routers(2), Rules: []lab.Rule{{Ports: lab.Port(dead), Do: lab.Drop}}, Link: &lab.Link{Out: lab.Path{Loss: 0.1}, Back: lab.Path{Loss: 0.1}}}, prepare: balanced(dead), leaves: 20, want: codes(why.BackendDead, why.PathLoss, why.PathOneOfSeveral, why.Unknown)},
		{name: "slow program behind a rate limit", spec: lab.HostSpec{Routers: routers(2, lab.Rule{Ports: lab.Port(port), Do: lab.Drop, Mask: 0x12, Flags: 2, PerSecond: 5, Burst: 6})}, prepare: slowly(1500 * time.Millisecond), want: codes(why.HostSlow, why.PathSYNRateLimit, why.Unknown)},
		{name: "no way on at a router", spec: lab.HostSpec{Services: echo(), Routers: routers(2)}, prepare: unroutable, want: codes(why.PathFirewallReject)},
		{name: "a routing loop", spec: lab.HostSpec{Services: echo(), Routers: routers(3)}, prepare: circular, want: codes(why.PathFirewallReject)},
		{name: "slow acceptor", spec: lab.HostSpec{Routers: routers(2)}, prepare: acceptingSlowly(3, 700*time.Millisecond), want: codes(why.HostAcceptQueue)},
		{name: "only SYNs pass", spec: lab.HostSpec{Services: echo(), Routers: routers(2, lab.Rule{Ports: lab.Port(port), Do: lab.Drop, Mask: 0x02})}, leaves: 200, want: codes(why.PathFirewallDrop)},
		{name: "bytes are dropped", spec: lab.HostSpec{Services: echo(), Routers: routers(3, lab.Rule{Ports: lab.Port(port), Do: lab.Drop, Mask: 0x08, Flags: 0x08})}, want: codes(why.PathFirewallDrop)},
		{name: "bytes are reset", spec: lab.HostSpec{Services: echo(), Routers: routers(3, lab.Rule{Ports: lab.Port(port), Do: lab.Reset, Mask: 0x08, Flags: 0x08})}, want: codes(why.PathInjectedReset)},
		{name: "old connections", spec: lab.HostSpec{Services: echo(), Routers: routers(2)}, held: oldConnections, leaves: 200, want: codes(why.NATOldConnection)},
		{name: "closed ports stay closed", spec: lab.HostSpec{Services: []lab.Service{{Ports: []uint16{port}, Manner: lab.AcceptClose}}, Routers: routers(2)}, link: func() *lab.Link { return losing(reopening()) }, want: codes(why.HostTimeWait)},
		{name: "TIME_WAIT taken over", spec: lab.HostSpec{Services: []lab.Service{{Ports: []uint16{port}, Manner: lab.AcceptClose}}, Sysctls: lab.Sysctls{"net.ipv4.tcp_timestamps": "0"}}, want: codes(why.Healthy)},
		{name: "one address dead", spec: lab.HostSpec{Services: echo(), Routers: routers(1)}, more: func(h *lab.Host) []netip.Addr { return []netip.Addr{h.Absent4()} }, want: codes(why.NameDeadAddress)},
		{name: "IPv6 broken", spec: lab.HostSpec{Services: echo(), Routers: routers(1, lab.Rule{Family: lab.IPv6, Do: lab.Drop})}, more: func(h *lab.Host) []netip.Addr { return []netip.Addr{h.Addr6()} }, want: codes(why.NameIPv6Broken)},
	}
}

func codes(list ...why.Code) []why.Code { return list }

// slowly serves a program that says something only after a while.
func slowly(d time.Duration) func(t *testing.T, h *lab.Host) {
	return func(t *testing.T, h *lab.Host) { serveSlowly(t, h, port, d) }
}

func serveSlowly(t *testing.T, h *lab.Host, p uint16, d time.Duration) {
	t.Helper()
	serve(t, h, p, func(c net.Conn) {
		time.Sleep(d)
		c.Write([]byte("220 ready\r\n"))
		time.Sleep(time.Second)
	})
}

// serve accepts connections until the test ends, and closes each once the program returns.
func serve(t *testing.T, h *lab.Host, p uint16, program func(net.Conn)) {
	t.Helper()
	ln, err := h.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", p))
	must(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				program(c)
			}()
		}
	}()
}

// serial builds one lab at a time: names of interfaces are taken one after the other.
var serial sync.Mutex

var number int

// build makes the network of a scene.
func (s *scene) build(t *testing.T) *lab.Host {
	t.Helper()
	serial.Lock()
	defer serial.Unlock()
	number++
	s.spec.Name = fmt.Sprintf("w%d", number)
	if s.link != nil {
		s.spec.Link = s.link()
	}
	l, err := lab.New(lab.Spec{Hosts: []lab.HostSpec{s.spec}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	h := l.Host(s.spec.Name)
	if s.prepare != nil {
		s.prepare(t, h)
	}
	return h
}

// diagnose finds the cause in a network as the command does.
func (s *scene) diagnose(t *testing.T, h *lab.Host, cfg why.Config) (d *why.Diagnosis, sent int) {
	t.Helper()
	conn, err := netraw.Open(&netraw.Config{Ports: 200, WatchOutgoing: true})
	if errors.Is(err, netraw.ErrPortInUse) {
		d, err = why.Run(context.Background(), &live.Machine{Broken: err, Target: cfg.Addrs[0].AddrPort}, cfg)
		must(t, err)
		return d, 0
	}
	must(t, err)
	defer conn.Close()
	if s.held != nil {
		s.held(t, h, conn.Ports())
	}
	neighbours, err := netraw.OpenNeighbours(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer neighbours.Close()
	facts := live.NewFacts(live.FactsConfig{Addr: cfg.Addrs[0].Addr(), Route: conn.Route, Neighbours: neighbours})
	facts.Resolve(t.Context())
	settings := live.Config{Addrs: cfg.Addrs, Dialer: netraw.Dialer{}, Facts: facts}
	if port, ok := conn.Lend(); ok {
		settings.Seen, settings.SeenPort = netraw.Dialer{Port: port}, port
	}
	cfg.Impossible = facts.Impossible()
	i := live.New(conn, settings)
	d, err = why.Run(context.Background(), i, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
	return d, i.Sent()
}

// verify holds what a diagnosis says it sent against the link that carried it, and
// looks whether the host keeps anything half open.
func (s *scene) verify(t *testing.T, h *lab.Host, sent int) {
	t.Helper()
	if sent > why.DefaultPackets {
		t.Errorf("%d packets, beyond the budget", sent)
	}
	if w := h.Wire(); w != nil {
		crossed := uint64(0)
		for _, o := range []lab.Outcome{lab.Forwarded, lab.Reordered, lab.Lost, lab.Overflowed, lab.SendFailed} {
			crossed += w.Count(lab.Outward, o)
		}
		// The kernel's own connection may retransmit once more after it was counted.
		if crossed > uint64(sent)+3 || sent > 40 && crossed < uint64(sent)/2 {
			t.Errorf("%d packets crossed the link, %d are said to have been sent", crossed, sent)
		}
	}
	s.closed(t, h)
}

// TestScenes finds the cause in real networks: kernels on both sides.
func TestScenes(t *testing.T) {
	lab.Require(t)
	if testing.Short() {
		t.Skip("-short: delays of a busy machine are delays of the network to it")
	}
	t.Parallel()
	judgeAll(t, scenes())
}

// test diagnoses one scene.
func test(t *testing.T, f *firsts, s scene) {
	t.Parallel()
	for run := 1; ; run++ {
		h := s.build(t) // anew: runs leave traces in hosts and on the way
		cfg := s.config(h)
		cfg.Seed = uint64(run)
		seen := watched(t, h, s.wire)
		d, sent := s.diagnose(t, h, cfg)
		report(t, d)
		seen(d)
		s.verify(t, h, sent)
		top := d.Causes[0]
		right := slices.Contains(s.want, top.Code) && strings.Contains(top.Text, s.says)
		if run == 1 {
			f.add(right, top.Probability)
		}
		if right || run == mostRuns {
			if !right {
				t.Errorf("%s (%s), want %v %s", top.Code, top.Text, s.want, s.says)
			}
			return
		}
		t.Logf("run %d: %s %.3f, want %v", run, top.Code, top.Probability, s.want)
	}
}

// config is what the command would make of a scene.
func (s *scene) config(h *lab.Host) why.Config {
	addr := h.Addr4()
	if s.addr != nil {
		addr = s.addr(h)
	}
	s.port = cmp.Or(s.port, port)
	target := netip.AddrPortFrom(addr, s.port)
	addrs := []why.Address{{AddrPort: target}}
	if s.more != nil {
		for _, a := range s.more(h) {
			addrs = append(addrs, why.Address{AddrPort: netip.AddrPortFrom(a, s.port)})
		}
	}
	return why.Config{Target: target.String(), Name: addr.String(), Addrs: addrs, Only: s.only}
}

// report tells the course of a diagnosis.
func report(t *testing.T, d *why.Diagnosis) {
	t.Helper()
	for _, e := range d.Experiments {
		t.Logf("%-10s %3d packets %4.1f s  %s", e.Name, e.Packets, e.Took.Seconds(), e.Outcome)
	}
	for _, f := range d.Causes {
		t.Logf("%s %.3f where %q", f.Code, f.Probability, f.Where)
	}
	t.Logf("%d packets, %.1f s, misfit %.1f of %s", d.Packets, d.Took.Seconds(), d.Misfit, d.Causes[0].Code)
	if os.Getenv("WHY_TRIALS") != "" {
		for _, r := range d.Trials {
			t.Logf("%-10s %8.1f ms held %2d completed %2d port %5d %v", r.Experiment, float64(r.At.Microseconds())/1000, r.Held, r.Completed, r.Reply.Port, r.Outcome)
		}
	}
}
