package netraw

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// listen makes the peer's kernel accept TCP connections, over both versions.
func (p *peer) listen(t *testing.T) uint16 {
	t.Helper()
	var l net.Listener
	p.do(func() {
		var err error
		l, err = net.Listen("tcp", "[::]:0")
		must(err)
	})
	t.Cleanup(func() { l.Close() })
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

// handshake sends one SYN from the port and returns, in tcpdump's letters,
// what was seen of it on our end of the link: so many packets, and those of the 300 ms after them.
func handshake(t *testing.T, from, to netip.AddrPort, packets int) string {
	t.Helper()
	c := &Conn{}
	defer c.close()
	must(intakeOf(c, Config{WatchOutgoing: true}, receiveFilter([]uint16{from.Port()})))
	must(c.out.open(Config{}, &router{}))
	if n, err := c.Send([][]byte{segment(from, to, flagSYN, 1000, 0)}); n != 1 {
		t.Fatal(err)
	}
	var seen []string
	for _, pkt := range gatherAll(t, c, 300*time.Millisecond, nth(packets, isTCP)) {
		direction := "<"
		if pkt.Outgoing {
			direction = ">"
		}
		if tcpHeader(pkt.Data) != nil { // not the multicast reports of IPv6, which pass the filter
			seen = append(seen, direction+flagsOf(pkt.Data))
		}
	}
	return strings.Join(seen, " ")
}

// The peer's first retransmission of its SYN-ACK comes after a second, so
// within that time there is one of each.
func TestHeldPortIsSilent(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	open := p.listen(t)
	for _, mechanism := range []Silencer{SilencerFilter, SilencerSignature, SilencerMinTTL} {
		ports := holdPorts(t, 1, &PortConfig{Silencer: mechanism})
		defer ports.Close()
		if got := ports.Silencer(); got != mechanism {
			t.Errorf("Silencer() = %v, want %v", got, mechanism)
		}
		for _, end := range []struct{ our, peer netip.Addr }{{our4, peer4}, {our6, peer6}} {
			t.Run(fmt.Sprintf("%v/%v", mechanism, end.our), func(t *testing.T) {
				from, to := netip.AddrPortFrom(end.our, ports.List()[0]), netip.AddrPortFrom(end.peer, open)
				if got, want := handshake(t, from, to, 2), ">S <S."; got != want {
					t.Errorf("saw %q, want %q", got, want)
				}
			})
		}
	}
}

// What HoldPorts is for: without it, and with a port that is merely bound,
// the kernel answers the SYN-ACK with RST.
func TestKernelResetsWithoutHolding(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	open := p.listen(t)
	bound, err := bindPort(0)
	must(err)
	defer unix.Close(bound)
	boundTo, err := boundPort(bound)
	must(err)
	for name, port := range map[string]uint16{"free": 39999, "bound": boundTo} {
		for _, end := range []struct{ our, peer netip.Addr }{{our4, peer4}, {our6, peer6}} {
			t.Run(fmt.Sprintf("%s/%v", name, end.our), func(t *testing.T) {
				got := handshake(t, netip.AddrPortFrom(end.our, port), netip.AddrPortFrom(end.peer, open), 3)
				if want := ">S <S. >R"; got != want {
					t.Errorf("saw %q, want %q", got, want)
				}
			})
		}
	}
}

// A stranger's SYN to a held port gets no answer either, and a SYN-ACK that
// arrives with TTL 255 gets one from the last fallback alone.
func TestHeldPortTowardsTheLink(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	for _, tc := range []struct {
		mechanism Silencer
		ttl       uint8
		peer, our netip.Addr
		want      string
	}{
		{SilencerFilter, 64, peer4, our4, "<S."}, {SilencerFilter, 255, peer4, our4, "<S."},
		{SilencerMinTTL, 254, peer4, our4, "<S."}, {SilencerMinTTL, 255, peer4, our4, "<S. >R"},
		{SilencerSignature, 254, peer4, our4, "<S."}, {SilencerSignature, 255, peer4, our4, "<S."},
		{SilencerMinTTL, 255, peer6, our6, "<S. >R"}, {SilencerSignature, 255, peer6, our6, "<S."},
	} {
		t.Run(fmt.Sprintf("%v/%v/ttl %d", tc.mechanism, tc.our, tc.ttl), func(t *testing.T) {
			ports, err := HoldPorts(1, &PortConfig{Silencer: tc.mechanism})
			must(err)
			defer ports.Close()
			c := &Conn{}
			defer c.close()
			must(intakeOf(c, Config{WatchOutgoing: true}, receiveFilter(ports.List())))
			pkt := segment(netip.AddrPortFrom(tc.peer, 80), netip.AddrPortFrom(tc.our, ports.List()[0]), flagSYN|flagACK, 5, 6)
			if tc.our.Is4() {
				pkt[8] = tc.ttl // the kernel computes the header checksum
			} else {
				pkt[7] = tc.ttl
			}
			p.do(func() {
				var out sender
				defer out.close()
				must(out.open(Config{}, &router{}))
				_, err := out.send([][]byte{pkt})
				must(err)
			})
			var seen []string
			for _, pkt := range gatherAll(t, c, 200*time.Millisecond, nth(len(strings.Fields(tc.want)), isTCP)) {
				if isTCP(pkt) {
					seen = append(seen, map[bool]string{false: "<", true: ">"}[pkt.Outgoing]+flagsOf(pkt.Data))
				}
			}
			if got := strings.Join(seen, " "); got != tc.want {
				t.Errorf("saw %q, want %q", got, tc.want)
			}
		})
	}
}

// withCapabilities runs f on a thread whose effective and permitted capability
// sets are exactly these.
func withCapabilities(f func(), keep ...int) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		var sets [2]unix.CapUserData
		for _, c := range keep {
			sets[c/32].Effective |= 1 << (c % 32)
			sets[c/32].Permitted |= 1 << (c % 32)
		}
		must(unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &sets[0]))
		f()
	}()
	<-done
}

// Kernels differ in whether a filter on a TCP socket needs CAP_NET_ADMIN. On
// all of them the choice is the filter where it can be forced, and something
// works without any capability.
func TestSilencerByCapability(t *testing.T) {
	needNamespace(t)
	choose := func() {
		want := SilencerFilter
		p, err := HoldPorts(1, &PortConfig{Silencer: SilencerFilter})
		switch {
		case err == nil:
			p.Close()
		case errors.Is(err, ErrPermission) && errors.Is(err, unix.EPERM):
			want = SilencerSignature
		default:
			t.Fatalf("forced filter: %v, want ErrPermission and EPERM", err)
		}
		t.Logf("chosen: %v", want)
		for mechanism, want := range map[Silencer]Silencer{SilencerAuto: want, SilencerSignature: SilencerSignature, SilencerMinTTL: SilencerMinTTL} {
			p, err := HoldPorts(2, &PortConfig{Silencer: mechanism})
			if err != nil {
				t.Fatalf("%v: %v", mechanism, err)
			}
			if got := p.Silencer(); got != want {
				t.Errorf("%v: chose %v, want %v", mechanism, got, want)
			}
			p.Close()
		}
	}
	withCapabilities(choose)
	withCapabilities(choose, unix.CAP_NET_RAW)
	withCapabilities(func() {
		p, err := HoldPorts(1, &PortConfig{Silencer: SilencerFilter})
		if err != nil {
			t.Fatalf("filter with CAP_NET_ADMIN: %v", err)
		}
		p.Close()
	}, unix.CAP_NET_ADMIN)
}

// What setcap cap_net_raw+ep grants is enough for a Conn.
func TestOpenByCapability(t *testing.T) {
	needNamespace(t)
	for _, tc := range []struct {
		keep []int
		want error
	}{
		{nil, ErrPermission},
		{[]int{unix.CAP_NET_ADMIN}, ErrPermission},
		{[]int{unix.CAP_NET_RAW}, nil},
	} {
		withCapabilities(func() {
			c, err := Open(nil)
			if !errors.Is(err, tc.want) {
				t.Errorf("Open with capabilities %v: %v, want %v", tc.keep, err, tc.want)
			}
			if err == nil {
				c.Close()
			}
		}, tc.keep...)
	}
}

func TestHoldPortBelow1024(t *testing.T) {
	needNamespace(t)
	withCapabilities(func() {
		if p, err := HoldPorts(1, &PortConfig{Port: 53}); !errors.Is(err, ErrPermission) {
			t.Errorf("HoldPorts: %v, %v, want ErrPermission", p, err)
		}
	})
}

func holdPorts(t *testing.T, n int, cfg *PortConfig) *Ports {
	t.Helper()
	p, err := HoldPorts(n, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestHoldPorts(t *testing.T) {
	p := holdPorts(t, MaxPorts, nil)
	if p.Silencer() != SilencerFilter {
		t.Errorf("Silencer() = %v, want the filter where it is permitted", p.Silencer())
	}
	distinct := make(map[uint16]bool)
	for _, port := range p.List() {
		distinct[port] = true
		for _, network := range []string{"tcp4", "tcp6"} {
			l, err := net.Listen(network, fmt.Sprintf(":%d", port))
			if err == nil {
				l.Close()
				t.Errorf("%s port %d is held, and free", network, port)
			}
		}
	}
	if len(distinct) != MaxPorts || distinct[0] {
		t.Errorf("%d distinct ports, want %d", len(distinct), MaxPorts)
	}
	port := p.List()[0]
	if _, err := HoldPorts(1, &PortConfig{Port: port}); !errors.Is(err, ErrPortInUse) {
		t.Errorf("holding %d twice: %v, want ErrPortInUse", port, err)
	}
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Error(err)
	}
	again, err := HoldPorts(5, &PortConfig{Port: port})
	if err != nil || len(again.List()) != 1 || again.List()[0] != port {
		t.Fatalf("holding %d after Close: %v, %v", port, again, err)
	}
	again.Close()
	for _, n := range []int{-1, 0, MaxPorts + 1} {
		if _, err := HoldPorts(n, nil); !errors.Is(err, ErrPortCount) {
			t.Errorf("HoldPorts(%d): %v, want ErrPortCount", n, err)
		}
	}
}

// However few files the process may open, the error says what to do, and nothing stays
// open.
func TestOpenWithinFileLimit(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	newPeer(t)
	var was unix.Rlimit
	must(unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	before := openFiles(t)
	for more := range 40 {
		must(unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(before + more), Max: was.Max}))
		c, err := Open(&Config{Ports: 13, SharedFrames: true, SendFrames: true})
		must(unix.Setrlimit(unix.RLIMIT_NOFILE, &was))
		if err == nil {
			must(c.Close())
			break
		}
		if !errors.Is(err, ErrFileLimit) || more == 39 {
			t.Errorf("%d files: %v", more, err)
		}
		if after := openFiles(t); after != before {
			t.Errorf("%d files: %d open, %d before", more, after, before)
		}
	}
}

// Where the process may not open so many files, the error says so and nothing
// stays open.
func TestHoldPortsBeyondFileLimit(t *testing.T) {
	var was unix.Rlimit
	must(unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	before := openFiles(t)
	must(unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(before) + 40, Max: was.Max}))
	p, err := HoldPorts(100, nil)
	must(unix.Setrlimit(unix.RLIMIT_NOFILE, &was))
	if !errors.Is(err, ErrFileLimit) || !strings.Contains(err.Error(), "100 ports") {
		t.Errorf("%v, %v; want ErrFileLimit naming 100 ports", p, err)
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files open, %d before", after, before)
	}
}

// A process that is killed leaves its port free at once.
func TestHeldPortAfterKill(t *testing.T) {
	const childEnv = "NETRAW_TEST_HOLD"
	if os.Getenv(childEnv) != "" {
		p, err := HoldPorts(1, nil)
		must(err)
		fmt.Printf("held %d\n", p.List()[0])
		io.Copy(io.Discard, os.Stdin) // until killed
		return
	}
	child := exec.Command("/proc/self/exe", "-test.run=^TestHeldPortAfterKill$")
	child.Env = append(os.Environ(), childEnv+"=1", insideEnv+"=")
	stdin, err := child.StdinPipe()
	must(err)
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	must(err)
	must(child.Start())
	var port uint16
	if _, err := fmt.Fscanf(bufio.NewReader(stdout), "held %d\n", &port); err != nil {
		t.Fatal(err)
	}
	if _, err := HoldPorts(1, &PortConfig{Port: port}); !errors.Is(err, ErrPortInUse) {
		t.Errorf("while the child lives: %v, want ErrPortInUse", err)
	}
	must(child.Process.Kill())
	child.Wait()
	p := holdPorts(t, 1, &PortConfig{Port: port})
	p.Close()
}

// Without IPv6 in the kernel the ports are held for IPv4; the fallback is
// forced here by asking for that family.
func TestBindPortIPv4Only(t *testing.T) {
	fd, err := bindAny(unix.AF_INET, &unix.SockaddrInet4{})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if port, err := boundPort(fd); err != nil || port == 0 {
		t.Errorf("boundPort: %d, %v", port, err)
	}
	if err := silenceBy(SilencerSignature, fd); err != nil {
		t.Errorf("minimum TTL and signatures on an IPv4 socket: %v", err)
	}
}

// Capabilities says of each user what doing it says.
func TestCapabilitiesByPrivilege(t *testing.T) {
	needNamespace(t)
	missing := func() map[string]bool {
		names := make(map[string]bool)
		for _, c := range Capabilities() {
			if !c.OK {
				names[c.Name] = true
			}
		}
		return names
	}
	withCapabilities(func() {
		names := missing()
		for _, want := range []string{"raw-send-ipv4", "raw-send-ipv6", "packet-receive", "packet-engine", "xdp-engine"} {
			if !names[want] {
				t.Errorf("%s is said to work without capabilities", want)
			}
		}
		if names["hold-port-min-ttl"] || names["hold-port-signature"] {
			t.Error("the minimum TTL or signatures are said to need a capability")
		}
	})
	withCapabilities(func() {
		if names := missing(); names["raw-send-ipv4"] || names["raw-send-ipv6"] || names["packet-receive"] {
			t.Errorf("with CAP_NET_RAW there are missing: %v", names)
		}
	}, unix.CAP_NET_RAW)
	withCapabilities(func() {
		if names := missing(); names["packet-engine"] {
			t.Errorf("with CAP_NET_RAW and CAP_NET_ADMIN there are missing: %v", names)
		}
	}, unix.CAP_NET_RAW, unix.CAP_NET_ADMIN)
}

// More ports than the kernel chooses among are found beyond.
func TestHoldPortsBeyondTheRange(t *testing.T) {
	needNamespace(t)
	setSysctl(t, "net.ipv4.ip_local_reserved_ports", "1024-30000")
	setSysctl(t, "net.ipv4.ip_local_port_range", "40000 40002")
	p := holdPorts(t, 20, nil)
	defer p.Close()
	different := map[uint16]bool{}
	for _, port := range p.List() {
		different[port] = true
		if port <= 30000 {
			t.Errorf("port %d is reserved", port)
		}
	}
	if len(different) != 20 {
		t.Errorf("%v", p.List())
	}
}

// A port that another program has at one address is held at the others, where the
// kernel stays as silent as with all.
func TestHoldPortBesideAnother(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	ln, err := net.Listen("tcp4", "127.0.0.53:5353")
	must(err)
	defer ln.Close()
	for _, cfg := range []Config{{SourcePort: 5353}, {SourcePort: 5353, Source: our4}, {SourcePort: 5353, Source: our6}} {
		c := open(t, &cfg)
		if got := c.Ports(); len(got) != 1 || got[0] != 5353 {
			t.Errorf("%+v: ports %v", cfg, got)
		}
		for src, dst := range map[netip.Addr]netip.Addr{our4: peer4, our6: peer6} {
			route, err := c.Route(dst)
			if cfg.Source.IsValid() && cfg.Source != src {
				if !errors.Is(err, ErrNoRoute) {
					t.Errorf("%+v: %v", cfg, err)
				}
				continue
			}
			if err != nil || route.Source != src {
				t.Errorf("%+v to %v: %+v, %v", cfg, dst, route, err)
			}
			handshakeStaysHalfOpen(t, p, c, src, dst)
		}
		c.Close()
	}
	if _, err := Open(&Config{SourcePort: 5353, Source: netip.MustParseAddr("127.0.0.53")}); !errors.Is(err, ErrPortInUse) {
		t.Errorf("at the address where it is in use: %v", err)
	}
	c := open(t, &Config{SourcePort: 5353})
	near, err := netlink.LinkByName(p.here)
	must(err)
	late, err := netlink.ParseAddr("198.18.0.1/24")
	must(err)
	must(netlink.AddrAdd(near, late))
	if _, err := c.Route(netip.MustParseAddr("198.18.0.2")); !errors.Is(err, ErrPortInUse) {
		t.Errorf("from an address that is not held: %v", err)
	}
	all, err := net.Listen("tcp", ":5354")
	must(err)
	defer all.Close()
	if _, err := Open(&Config{SourcePort: 5354}); !errors.Is(err, ErrPortInUse) {
		t.Errorf("in use everywhere: %v", err)
	}
}

// handshakeStaysHalfOpen has the far end answer a SYN, and its SYN-ACK draw no RST.
func handshakeStaysHalfOpen(t *testing.T, p *peer, c *Conn, src, dst netip.Addr) {
	t.Helper()
	var ln net.Listener
	var err error
	p.do(func() { ln, err = net.Listen("tcp", netip.AddrPortFrom(dst, 81).String()) })
	must(err)
	defer ln.Close()
	w := open(t, &Config{WatchOutgoing: true, Ports: 1})
	w.in.(*receiver).withFD(func(fd int) error { return setFilter(fd, receiveFilter(c.Ports())) })
	if _, err := c.Send([][]byte{segment(netip.AddrPortFrom(src, c.Ports()[0]), netip.AddrPortFrom(dst, 81), flagSYN, 5, 0)}); err != nil {
		t.Fatal(err)
	}
	answered := false
	isReply := func(p Packet) bool { return !p.Outgoing && flagsOf(p.Data) == "S." }
	for _, pkt := range gatherAll(t, w, 200*time.Millisecond, isReply) {
		flags := tcpHeader(pkt.Data)[13]
		answered = answered || !pkt.Outgoing && flags == 0x12 // SYN, ACK
		if pkt.Outgoing && flags&0x04 != 0 {                  // RST
			t.Errorf("%v: the kernel answered the SYN-ACK with RST", src)
		}
	}
	if !answered {
		t.Errorf("%v: no SYN-ACK", src)
	}
	w.Close()
}
