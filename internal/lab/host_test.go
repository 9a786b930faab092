//go:build linux

package lab

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestPrefixesAnswerEverywhere(t *testing.T) {
	prefixes := []netip.Prefix{netip.MustParsePrefix(Wide4), netip.MustParsePrefix(Wide6)}
	build(t, HostSpec{Services: http(), Prefixes: prefixes, Routers: make([]RouterSpec, 1)})
	chance := rand.New(rand.NewPCG(1, 1))
	for _, p := range prefixes {
		for range 20 {
			b := p.Addr().AsSlice()
			for i := p.Bits() / 8; i < len(b); i++ {
				b[i] = byte(chance.Uint32())
			}
			a, _ := netip.AddrFromSlice(b)
			conn := mustDial(t, a, 80)
			conn.Close()
			if _, err := dial(a, 81); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s: closed port: %v", a, err)
			}
		}
	}
}

// What connect(2) reports for each fate; see the kernel's icmp_err_convert and
// tab_unreach.
func TestConnectErrors(t *testing.T) {
	h := build(t, HostSpec{Rules: append(rejections(),
		Rule{Ports: Port(1), Do: Drop}, Rule{Ports: Port(2), Do: Reset})})
	tests := []struct {
		addr netip.Addr
		port uint16
		want syscall.Errno
	}{
		{h.Addr4(), 2, syscall.ECONNREFUSED},
		{h.Addr6(), 2, syscall.ECONNREFUSED},
		{h.Addr4(), RejectPort(0), syscall.ENETUNREACH},
		{h.Addr4(), RejectPort(1), syscall.EHOSTUNREACH},
		{h.Addr4(), RejectPort(2), syscall.ENOPROTOOPT},
		{h.Addr4(), RejectPort(3), syscall.ECONNREFUSED},
		{h.Addr4(), RejectPort(9), syscall.ENETUNREACH},
		{h.Addr4(), RejectPort(10), syscall.EHOSTUNREACH},
		{h.Addr4(), RejectPort(13), syscall.EHOSTUNREACH},
		{h.Addr6(), RejectPort(0), syscall.ENETUNREACH},
		{h.Addr6(), RejectPort(1), syscall.EACCES},
		{h.Addr6(), RejectPort(3), syscall.EHOSTUNREACH},
		{h.Addr6(), RejectPort(4), syscall.ECONNREFUSED},
		{h.Addr6(), RejectPort(5), syscall.EACCES},
		{h.Addr6(), RejectPort(6), syscall.EACCES},
	}
	// An ICMPv6 error that comes back while connect(2) still holds the socket is
	// only remembered (tcp_v6_err); the one to the retransmission, a second
	// later, counts.
	var all sync.WaitGroup
	for _, test := range tests {
		all.Go(func() {
			target := netip.AddrPortFrom(test.addr, test.port).String()
			if _, err := net.DialTimeout("tcp", target, 5*time.Second); !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", target, err, test.want)
			}
		})
	}
	all.Wait()
	for _, a := range both(h) {
		conn, err := net.DialTimeout("tcp", netip.AddrPortFrom(a, 1).String(), 50*time.Millisecond)
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%s: dropped port: %v, %v", a, conn, err)
		}
	}
}

func TestAbsentNeighbour(t *testing.T) {
	h := build(t, HostSpec{})
	for _, a := range []netip.Addr{h.Absent4(), h.Absent6()} {
		conn, err := net.DialTimeout("tcp", netip.AddrPortFrom(a, 80).String(), 100*time.Millisecond)
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%s: %v, %v, want a timeout while the kernel looks for the neighbour", a, conn, err)
		}
		if e := h.Expect(netip.AddrPortFrom(a, 80), "syn"); e.Fate != Missing || e.State != "filtered" {
			t.Errorf("%s: expected %v", a, e)
		}
	}
}

func TestManners(t *testing.T) {
	h := build(t, HostSpec{Services: []Service{
		{Ports: []uint16{1}, Manner: AcceptClose},
		{Ports: []uint16{2}, Manner: AcceptReset},
		{Ports: []uint16{3}, Manner: Echo},
		{Ports: []uint16{4}, Manner: Banner, Banner: "hi"},
		{Ports: []uint16{5}, Manner: Discard},
		{Ports: []uint16{6}, Manner: Hold},
		{Ports: []uint16{7}, Manner: NeverAccept},
	}})
	const silent = "silent"
	tests := []struct {
		port uint16
		send string
		want string // what is read up to EOF, or an error's name
	}{
		{1, "", ""}, {2, "", "reset"}, {3, "abc", "abc"}, {4, "x", "hi"}, {5, "x", ""}, {6, "x", silent}, {7, "x", silent},
	}
	for _, test := range tests {
		conn, err := dial(h.Addr4(), test.port)
		if test.want == "reset" && errors.Is(err, syscall.ECONNRESET) {
			continue // even sooner
		}
		if err != nil {
			t.Fatal(err)
		}
		if test.send != "" {
			io.WriteString(conn, test.send)
			conn.(*net.TCPConn).CloseWrite()
		}
		patience := time.Minute
		if test.want == silent {
			patience = 200 * time.Millisecond
		}
		conn.SetReadDeadline(time.Now().Add(patience))
		got, err := io.ReadAll(conn)
		conn.Close()
		result := string(got)
		switch {
		case errors.Is(err, syscall.ECONNRESET):
			result = "reset"
		case errors.Is(err, os.ErrDeadlineExceeded):
			result = silent
		}
		if result != test.want {
			t.Errorf("port %d: %q, %v; want %q", test.port, got, err, test.want)
		}
	}
}

// A full accept queue swallows further connections.
func TestNeverAcceptFillsTheQueue(t *testing.T) {
	h := build(t, HostSpec{
		Services: []Service{{Ports: []uint16{80}, Manner: NeverAccept, Backlog: 1}},
		Sysctls:  Sysctls{"net.ipv4.tcp_syncookies": "0"},
	})
	made := 0
	for i := range 8 {
		patience := 50 * time.Millisecond
		if i == 0 { // it must be made
			patience = time.Minute
		}
		conn, err := net.DialTimeout("tcp", netip.AddrPortFrom(h.Addr4(), 80).String(), patience)
		if err == nil {
			defer conn.Close()
			made++
		}
	}
	if made == 0 || made == 8 {
		t.Errorf("%d of 8 connections were made", made)
	}
}

func TestChanceDropsSome(t *testing.T) {
	h := build(t, HostSpec{Rules: []Rule{{Do: Drop, Chance: 0.5}}})
	p := newProber(t)
	const n = 400
	for i := range uint16(n) {
		p.send(h.Prober4(), 30000+i, netip.AddrPortFrom(h.Addr4(), 9), 2)
	}
	if got := len(p.collect(n/2 - 60)); got < n/2-60 || got > n/2+60 {
		t.Errorf("%d of %d answered, want about half", got, n)
	}
	if e := h.Expect(netip.AddrPortFrom(h.Addr4(), 9), "syn"); e.Certain {
		t.Errorf("%v is not certain", e)
	}
}

// With tcp_syncookies=2 a host remembers nothing: the counter of cookies sent
// grows with each SYN.
func TestCookieHostSendsCookies(t *testing.T) {
	h := build(t, HostSpec{Services: http(), Sysctls: Sysctls{"net.ipv4.tcp_syncookies": "2"}})
	conn := mustDial(t, h.Addr4(), 80)
	conn.Close()
	if sent := counter(t, h, "SyncookiesSent"); sent != "1" {
		t.Errorf("SyncookiesSent is %s", sent)
	}
}

// counter reads a TcpExt counter of a host.
func counter(t *testing.T, h *Host, name string) string {
	t.Helper()
	var text []byte
	err := h.Do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/netstat")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	values := strings.Fields(lines[1])
	for i, field := range strings.Fields(lines[0]) {
		if field == name {
			return values[i]
		}
	}
	t.Fatalf("no counter %s", name)
	return ""
}

// A SYN proxy answers with window 0 itself, and the connection behind it works.
func TestSynProxy(t *testing.T) {
	h := build(t, HostSpec{Services: http(), SynProxy: &SynProxy{Ports: []uint16{80}, MSS: 1400, WindowScale: 7, Timestamps: true, SACK: true}})
	p := newProber(t)
	p.send(h.Prober4(), 30001, netip.AddrPortFrom(h.Addr4(), 80), 2)
	p.send(h.Prober6(), 30002, netip.AddrPortFrom(h.Addr6(), 80), 2)
	answers := p.collect(2)
	for _, sport := range []uint16{30001, 30002} {
		if a := answers[sport]; a.flags&0x12 != 0x12 || a.window != 0 {
			t.Errorf("port %d: got %v, want SYN-ACK with window 0", sport, a)
		}
	}
	for _, a := range both(h) {
		conn := mustDial(t, a, 80)
		conn.SetDeadline(time.Now().Add(time.Minute))
		io.WriteString(conn, "hi")
		got := make([]byte, 2)
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hi" {
			t.Errorf("%s: %q, %v", a, got, err)
		}
		conn.Close()
	}
}

func TestHostSysctls(t *testing.T) {
	h := build(t, HostSpec{Sysctls: Sysctls{"net.ipv4.ip_default_ttl": "200", "net.ipv6.conf.default.hop_limit": "100"}})
	p := newProber(t)
	p.send(h.Prober4(), 30001, netip.AddrPortFrom(h.Addr4(), 9), 2)
	p.send(h.Prober6(), 30002, netip.AddrPortFrom(h.Addr6(), 9), 2)
	got := p.collect(2)
	if got[30001].ttl != 200 || got[30002].ttl != 100 {
		t.Errorf("TTL %d and hop limit %d, want 200 and 100", got[30001].ttl, got[30002].ttl)
	}
}

func TestListenInHost(t *testing.T) {
	h := build(t, HostSpec{})
	ln, err := h.Listen("tcp", "[::]:8080")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn := mustDial(t, h.Addr6(), 8080)
	conn.Close()
	if err := h.Serve(Service{Ports: []uint16{8080}}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second listener: %v", err)
	}
}

func TestFurtherSources(t *testing.T) {
	h := build(t, HostSpec{Sources: 3, Routers: make([]RouterSpec, 1)})
	for n := range 3 {
		for i, pair := range [][2]netip.Addr{{h.Source4(n), h.Addr4()}, {h.Source6(n), h.Addr6()}} {
			dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(pair[0], 0)), Timeout: 20 * time.Second}
			if _, err := dialer.Dial("tcp", netip.AddrPortFrom(pair[1], 9).String()); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("source %d, family %d: %v", n, i, err)
			}
		}
	}
}

// A rule with a limit lets a bucket's worth through and takes what is beyond.
func TestRuleBeyondALimit(t *testing.T) {
	h := build(t, HostSpec{Rules: []Rule{{Ports: PortRange{1, 100}, PerSecond: 1, Burst: 20, Do: Drop}}})
	var wg sync.WaitGroup
	var refused atomic.Int32
	for port := range uint16(100) {
		wg.Go(func() {
			if _, err := net.DialTimeout("tcp", netip.AddrPortFrom(h.Addr4(), port+1).String(), 500*time.Millisecond); errors.Is(err, syscall.ECONNREFUSED) {
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if n := refused.Load(); n < 15 || n > 40 {
		t.Errorf("%d of 100 got past a bucket of 20", n)
	}
}
