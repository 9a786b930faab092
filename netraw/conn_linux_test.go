package netraw

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

func TestOpenErrors(t *testing.T) {
	p := newPeer(t)
	for _, tc := range []struct {
		cfg   Config
		want  error
		names string
	}{
		{Config{Interface: "nosuch0"}, ErrNoInterface, `"nosuch0"`},
		{Config{Source: peer4}, ErrForeignSource, "192.0.2.2"},
		{Config{Source: peer6}, ErrForeignSource, "2001:db8::2"},
		{Config{Source: netip.MustParseAddr("::ffff:198.51.100.1")}, ErrForeignSource, "198.51.100.1"},
		{Config{Ports: MaxPorts + 1}, ErrPortCount, "1025"},
	} {
		before := openFiles(t)
		c, err := Open(&tc.cfg)
		if c != nil || !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.names) {
			t.Errorf("Open(%+v): %v, %v; want %v naming %s", tc.cfg, c, err, tc.want, tc.names)
		}
		if after := openFiles(t); after != before {
			t.Errorf("Open(%+v) failed and left %d files open", tc.cfg, after-before)
		}
	}
	for _, cfg := range []Config{
		{Source: our4}, {Source: our6}, {Source: netip.MustParseAddr("127.9.9.9")},
		{Source: netip.MustParseAddr("::ffff:192.0.2.1")},
		{Interface: p.here, Source: p.hereLL}, {Interface: p.here, Source: p.hereLL.WithZone(p.here)},
	} {
		if c, err := Open(&cfg); err != nil {
			t.Errorf("Open(%+v): %v", cfg, err)
		} else {
			c.Close()
		}
	}
}

func TestConnPorts(t *testing.T) {
	c := open(t, &Config{Ports: 5})
	if got := c.Ports(); len(got) != 5 {
		t.Errorf("Ports() = %v, want five", got)
	}
	if got := c.Silencer(); got != "bpf-filter" {
		t.Errorf("Silencer() = %q", got)
	}
	_, err := Open(&Config{SourcePort: c.Ports()[2]})
	if !errors.Is(err, ErrPortInUse) {
		t.Errorf("opening with a held port: %v, want ErrPortInUse", err)
	}
}

func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestCloseLeavesNothing(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	open(t, nil).Close() // the runtime's poller opens its own files once
	files, goroutines := openFiles(t), runtime.NumGoroutine()
	for range 100 {
		c, err := Open(&Config{Ports: 3})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Close(), c.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if got := openFiles(t); got != files {
		t.Errorf("%d open files after, %d before", got, files)
	}
	if got := runtime.NumGoroutine(); got != goroutines {
		t.Errorf("%d goroutines after, %d before", got, goroutines)
	}
}

func TestClosed(t *testing.T) { intakes(t, closed) }

func closed(t *testing.T, cfg Config) {
	c := open(t, &cfg)
	syn := segment(netip.AddrPortFrom(lo4, c.Ports()[0]), netip.AddrPortFrom(lo4, 9), flagSYN, 1, 0)
	if _, err := c.Send([][]byte{syn}); err != nil {
		t.Fatal(err)
	}
	c.Close()
	_, recvErr := c.Recv(make([]Packet, 1))
	_, sendErr := c.Send([][]byte{syn})
	_, routeErr := c.Route(lo4)
	for what, err := range map[string]error{
		"Recv": recvErr, "Send": sendErr, "Route": routeErr, "SetReadDeadline": c.SetReadDeadline(time.Now()),
	} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s after Close: %v, want net.ErrClosed", what, err)
		}
	}
	if got := c.Stats().Sent; got != 1 {
		t.Errorf("Stats().Sent after Close = %d, want 1", got)
	}
}

func TestCloseUnblocksRecv(t *testing.T) { intakes(t, closeUnblocksRecv) }

func closeUnblocksRecv(t *testing.T, cfg Config) {
	c := open(t, &cfg)
	result := make(chan error)
	go func() {
		_, err := c.Recv(make([]Packet, 1))
		result <- err
	}()
	select {
	case err := <-result:
		t.Fatalf("Recv returned before Close: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	c.Close()
	select {
	case err := <-result:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("Recv: %v, want net.ErrClosed", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Close did not unblock Recv")
	}
}

func TestReadDeadline(t *testing.T) { intakes(t, readDeadline) }

func readDeadline(t *testing.T, cfg Config) {
	c := open(t, &cfg)
	start := time.Now()
	must(c.SetReadDeadline(start.Add(50 * time.Millisecond)))
	_, err := c.Recv(make([]Packet, 1))
	if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took < 50*time.Millisecond {
		t.Errorf("Recv: %v after %v, want os.ErrDeadlineExceeded after 50ms", err, took)
	}
	must(c.SetReadDeadline(time.Time{}))
	sendSYN(t, c, lo4, 9)
	if n, err := c.Recv(make([]Packet, 1)); n != 1 {
		t.Errorf("Recv without a deadline: %d, %v", n, err)
	}
	if n, err := c.Recv(nil); n != 0 || err != nil {
		t.Errorf("Recv of nothing: %d, %v", n, err)
	}
}

// sendSYN sends a SYN to the port of an address, from the first held port.
func sendSYN(t testing.TB, c *Conn, dst netip.Addr, port uint16) {
	t.Helper()
	src := map[bool]netip.Addr{true: our4, false: our6}[dst.Is4()]
	if dst.IsLoopback() {
		src = dst
	}
	syn := segment(netip.AddrPortFrom(src, c.Ports()[0]), netip.AddrPortFrom(dst, port), flagSYN, 7, 0)
	if _, err := c.Send([][]byte{syn}); err != nil {
		t.Fatal(err)
	}
}

// On loopback both the departure and the arrival of a packet are seen, on the
// same interface; the peer here is our own kernel, which refuses.
func TestLoopback(t *testing.T) {
	if lab.Apart(t) {
		intakes(t, loopback)
	}
}

func loopback(t *testing.T, cfg Config) {
	for _, addr := range []netip.Addr{lo4, lo6} {
		for _, watch := range []bool{false, true} {
			cfg.WatchOutgoing = watch
			c := open(t, &cfg)
			before := time.Now()
			sendSYN(t, c, addr, 9)
			var seen []string
			arrivals := map[bool]int{false: 1, true: 2}[watch]
			for _, p := range gatherAll(t, c, 100*time.Millisecond, nth(arrivals, anyPacket)) {
				if p.IfIndex != 1 {
					t.Errorf("%s: interface %d, want 1", describe(p.Data), p.IfIndex)
				}
				if p.Time.Before(before.Add(-time.Millisecond)) || p.Time.After(time.Now()) {
					t.Errorf("%s: stamped %v, sent at %v", describe(p.Data), p.Time, before)
				}
				seen = append(seen, map[bool]string{false: "<", true: ">"}[p.Outgoing]+flagsOf(p.Data))
			}
			want := map[bool]string{false: "<R.", true: ">S <R."}[watch]
			if got := strings.Join(seen, " "); got != want {
				t.Errorf("%v, watching %v: saw %q, want %q", addr, watch, got, want)
			}
		}
	}
}

// A SYN-ACK made by a kernel reaches a veth with an unfinished checksum; what
// a raw socket sent carries the one it was given.
func TestPartialChecksum(t *testing.T) {
	if lab.Apart(t) {
		intakes(t, partialChecksum)
	}
}

func partialChecksum(t *testing.T, cfg Config) {
	p := newPeer(t)
	port := p.listen(t)
	for _, dst := range []netip.Addr{peer4, peer6} {
		cfg.WatchOutgoing = true
		c := open(t, &cfg)
		sendSYN(t, c, dst, port)
		partial := make(map[string]bool)
		for _, pkt := range await(t, c, nth(2, func(p Packet) bool { return strings.HasPrefix(flagsOf(p.Data), "S") })) {
			partial[flagsOf(pkt.Data)] = pkt.Partial
		}
		if !partial["S."] || partial["S"] {
			t.Errorf("%v: partial checksums %v, want those of the SYN-ACK alone", dst, partial)
		}
	}
}

// The kernel reports a neighbour that does not answer with an ICMP error to
// itself, which arrives on lo even if the probe was bound to an interface.
func TestHostUnreachableOnLoopback(t *testing.T) {
	p := newPeer(t)
	c := open(t, &Config{Interface: p.here})
	speedUpNeighbours(t, p.here)
	absent := netip.MustParseAddr("192.0.2.77")
	sendSYN(t, c, absent, 80)
	isICMP := func(pkt Packet) bool { return pkt.Data[0]>>4 == 4 && pkt.Data[9] == protoICMP }
	for _, pkt := range await(t, c, isICMP) {
		if isICMP(pkt) {
			if pkt.IfIndex != 1 || pkt.Data[20] != 3 || pkt.Data[21] != 1 {
				t.Errorf("got ICMP type %d code %d on interface %d, want 3, 1 on lo", pkt.Data[20], pkt.Data[21], pkt.IfIndex)
			}
			return
		}
	}
	t.Error("no host unreachable")
}

// speedUpNeighbours makes address resolution give up after one try.
func speedUpNeighbours(t *testing.T, ifname string) {
	t.Helper()
	for name, value := range map[string]string{"mcast_solicit": "1", "retrans_time_ms": "100"} {
		// The files belong to the machine's root; in a user namespace they
		// may be closed to us, and the test takes three seconds.
		if err := os.WriteFile("/proc/sys/net/ipv4/neigh/"+ifname+"/"+name, []byte(value), 0); err != nil {
			t.Log(err)
		}
	}
}

func TestLinkLocal(t *testing.T) {
	p := newPeer(t)
	port := p.listen(t)
	c := open(t, &Config{Interface: p.here})
	probe := [][]byte{segment(netip.AddrPortFrom(p.hereLL, c.Ports()[0]), netip.AddrPortFrom(p.thereLL, port), flagSYN, 1, 0)}
	if _, err := c.Send(probe); err != nil {
		t.Fatal(err)
	}
	isReply := func(pkt Packet) bool { return flagsOf(pkt.Data) == "S." }
	if seen := await(t, c, isReply); !slices.ContainsFunc(seen, isReply) {
		t.Errorf("no SYN-ACK from %v, only %d packets", p.thereLL, len(seen))
	}
	if n, err := open(t, nil).Send(probe); n != 0 || !errors.Is(err, ErrNoInterface) {
		t.Errorf("without an interface: %d, %v; want ErrNoInterface", n, err)
	}
}

// A receive buffer that is too small loses packets, and says how many.
func TestKernelDrops(t *testing.T) { intakes(t, kernelDrops) }

func kernelDrops(t *testing.T, cfg Config) {
	cfg.ReceiveBuffer, cfg.WatchOutgoing = 1, true
	c := open(t, &cfg)
	const n = 500
	for range n {
		sendSYN(t, c, lo4, 9)
	}
	seen := uint64(0)
	eventually(t, "all to be counted", func() bool {
		seen += uint64(len(gather(t, c, 20*time.Millisecond, nil)))
		return c.Stats().KernelDrops+seen >= 2*n
	})
	first := c.Stats()
	if first.KernelDrops == 0 || first.Received != seen || first.KernelDrops+seen != 2*n {
		t.Errorf("of %d packets: %+v, %d seen", 2*n, first, seen)
	}
	c.Close()
	if second := c.Stats(); second != first {
		t.Errorf("after Close %+v, before %+v", second, first)
	}
}

// tun is an interface without a link layer, whose far end is a file.
func tun(t *testing.T, name string) *os.File {
	t.Helper()
	needNamespace(t)
	dev := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: name}, Mode: netlink.TUNTAP_MODE_TUN,
		Flags: unix.IFF_TUN | unix.IFF_NO_PI, Queues: 1, NonPersist: true}
	if err := netlink.LinkAdd(dev); err != nil {
		skip(t, fmt.Sprintf("no tun device: %v", err))
	}
	t.Cleanup(func() { dev.Fds[0].Close() })
	must(netlink.LinkSetUp(dev))
	addr, err := netlink.ParseAddr("198.51.100.1/24")
	must(err)
	must(netlink.AddrAdd(dev, addr))
	return dev.Fds[0]
}

func TestTun(t *testing.T) {
	far := tun(t, "tun7")
	c := open(t, &Config{WatchOutgoing: true})
	ours, theirs := netip.MustParseAddrPort("198.51.100.1:0"), netip.MustParseAddrPort("198.51.100.2:80")
	ours = netip.AddrPortFrom(ours.Addr(), c.Ports()[0])
	if _, err := c.Send([][]byte{segment(ours, theirs, flagSYN, 1, 0)}); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	for flagsOf(buf) != "S" { // past the kernel's own router solicitations
		if _, err := far.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := far.Write(segment(theirs, ours, flagSYN|flagACK, 5, 2)); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, p := range gatherAll(t, c, 100*time.Millisecond, nth(2, isTCP)) {
		if isTCP(p) {
			seen = append(seen, map[bool]string{false: "<", true: ">"}[p.Outgoing]+flagsOf(p.Data))
		}
	}
	if got, want := strings.Join(seen, " "), ">S <S."; got != want {
		t.Errorf("saw %q, want %q", got, want)
	}
	if r, err := c.Route(theirs.Addr()); err != nil || r.Interface != "tun7" || r.Source != ours.Addr() || r.MTU != 1500 {
		t.Errorf("Route: %+v, %v", r, err)
	}
}

func TestRecvAllocatesNothing(t *testing.T) { intakes(t, recvAllocatesNothing) }

func recvAllocatesNothing(t *testing.T, cfg Config) {
	cfg.WatchOutgoing = true
	c := open(t, &cfg)
	src := netip.AddrPortFrom(lo4, c.Ports()[0])
	batch := make([][]byte, 32)
	for i := range batch {
		batch[i] = segment(src, netip.AddrPortFrom(lo4, 9), flagRST, uint32(i), 0)
	}
	pkts := make([]Packet, 8)
	if n := testing.AllocsPerRun(100, func() {
		_, err := c.Send(batch)
		must(err)
		for got := 0; got < len(batch); {
			must(c.SetReadDeadline(time.Now().Add(time.Minute)))
			n, err := c.Recv(pkts)
			must(err)
			got += n
		}
	}); n != 0 && !raceEnabled {
		t.Errorf("%v allocations per batch of %d sent and received", n, len(batch))
	}
}
