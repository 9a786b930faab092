package netraw

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// insideEnv marks the test binary that runs in a network namespace of its
// own. Its value is empty where none was permitted.
const insideEnv = "NETRAW_TEST_NAMESPACE"

// TestMain runs the tests again in a new network namespace, as root in a
// plain one, else in a user namespace. Those that take long wait for networks, not for
// processors, and run apart from the others, several at a time.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "8")
	if kind, inside := os.LookupEnv(insideEnv); inside {
		if kind != "" {
			must(netlink.LinkSetUp(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "lo"}}))
		}
		os.Exit(m.Run())
	}
	for _, attempt := range []struct {
		kind string
		attr syscall.SysProcAttr
	}{
		{"netns", syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}},
		{"userns", syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWNET | unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}},
		{"", syscall.SysProcAttr{}},
	} {
		if attempt.kind == "netns" && os.Getenv(insideEnv+"_FORCE") == "userns" {
			continue
		}
		child := exec.Command("/proc/self/exe", os.Args[1:]...)
		child.Env = append(os.Environ(), insideEnv+"="+attempt.kind)
		child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
		child.SysProcAttr = &attempt.attr
		if child.Start() == nil {
			child.Wait()
			os.Exit(child.ProcessState.ExitCode())
		}
	}
	fmt.Fprintln(os.Stderr, "cannot start the test binary again")
	os.Exit(1)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// needNamespace skips where there is no private network; with CI=true that
// is a failure.
func needNamespace(t testing.TB) {
	t.Helper()
	if os.Getenv(insideEnv) != "" {
		return
	}
	skip(t, "neither CLONE_NEWNET nor CLONE_NEWUSER is permitted")
}

// skip is for what this machine does not let us test; with CI=true that is a
// failure.
func skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// The two ends of the test network. Ours is in the namespace of the test.
var (
	our4, peer4 = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	our6, peer6 = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	lo4, lo6    = netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")
)

// peer is a second namespace at the far end of a veth pair named here/there.
type peer struct {
	ns           netns.NsHandle
	here         string
	there        string
	hereLL       netip.Addr // link-local addresses, without zone
	thereLL      netip.Addr
	hereIndex    int
	thereHandler *netlink.Handle
	thrown       uint32         // marks so far: see delivers
	fd           int            // see wire; 0: not open
	ends         map[string]int // see inject: sockets by the interface's name
}

// newPeer makes the network; it is gone when the test ends.
func newPeer(t testing.TB) *peer {
	t.Helper()
	needNamespace(t)
	p := &peer{here: "here0", there: "there0", ends: map[string]int{}}
	runtime.LockOSThread()
	home, err := netns.Get()
	must(err)
	p.ns, err = netns.New()
	must(err)
	must(netns.Set(home))
	runtime.UnlockOSThread()
	home.Close()

	must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: p.here}, PeerName: p.there}))
	far, err := netlink.LinkByName(p.there)
	must(err)
	must(netlink.LinkSetNsFd(far, int(p.ns)))
	p.thereHandler, err = netlink.NewHandleAt(p.ns, unix.NETLINK_ROUTE)
	must(err)
	near, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	must(err)
	defer near.Close()
	p.thereLL, _ = configure(p.thereHandler, p.there, peer4, peer6)
	p.hereLL, p.hereIndex = configure(near, p.here, our4, our6)
	must(p.thereHandler.LinkSetUp(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "lo"}}))

	t.Cleanup(func() {
		if link, err := netlink.LinkByName(p.here); err == nil {
			must(netlink.LinkDel(link))
		}
		p.thereHandler.Close()
		if p.fd > 0 {
			unix.Close(p.fd)
		}
		p.ns.Close()
	})
	p.await(t, near)
	return p
}

// configure gives a link both addresses, without duplicate address detection,
// and brings it up. It returns the link-local address it then has.
func configure(h *netlink.Handle, name string, a4, a6 netip.Addr) (netip.Addr, int) {
	link, err := h.LinkByName(name)
	must(err)
	add := func(prefix netip.Prefix) {
		addr, err := netlink.ParseAddr(prefix.String())
		must(err)
		addr.Flags = unix.IFA_F_NODAD
		must(h.AddrAdd(link, addr))
	}
	ll := netip.MustParseAddr("fe80::" + map[netip.Addr]string{our4: "1", peer4: "2"}[a4])
	must(h.LinkSetUp(link))
	add(netip.PrefixFrom(a4, 24))
	add(netip.PrefixFrom(a6, 64))
	add(netip.PrefixFrom(ll, 64))
	return ll, link.Attrs().Index
}

// await returns once both ends can send and receive: nothing is lost to a
// link or an address that is still coming up.
func (p *peer) await(t testing.TB, near *netlink.Handle) {
	t.Helper()
	eventually(t, "the veth pair to come up", func() bool {
		hereLink, err := near.LinkByName(p.here)
		must(err)
		thereLink, err := p.thereHandler.LinkByName(p.there)
		must(err)
		return hereLink.Attrs().OperState == netlink.OperUp && thereLink.Attrs().OperState == netlink.OperUp
	})
	p.introduce()
	eventually(t, "the addresses to be usable", func() bool {
		return usable(near, p.here, our6, p.hereLL) && usable(p.thereHandler, p.there, peer6, p.thereLL)
	})
}

// usable reports whether packets for these addresses are delivered. An IPv6
// address gets its local route from a kernel worker, some time after it was
// added.
func usable(h *netlink.Handle, ifname string, addrs ...netip.Addr) bool {
	for _, addr := range addrs {
		routes, err := h.RouteGetWithOptions(addr.AsSlice(), &netlink.RouteGetOptions{Oif: ifname})
		if err != nil || len(routes) == 0 || routes[0].Type != unix.RTN_LOCAL {
			return false
		}
	}
	return true
}

// introduce tells both ends each other's addresses, so that no test waits for
// neighbour discovery, or loses a packet to it.
func (p *peer) introduce() {
	near, err := netlink.LinkByName(p.here)
	must(err)
	far, err := p.thereHandler.LinkByName(p.there)
	must(err)
	for _, addr := range []netip.Addr{peer4, peer6, p.thereLL} {
		must(netlink.NeighSet(permanent(near, addr, far)))
	}
	for _, addr := range []netip.Addr{our4, our6, p.hereLL} {
		must(p.thereHandler.NeighSet(permanent(far, addr, near)))
	}
}

func permanent(at netlink.Link, addr netip.Addr, of netlink.Link) *netlink.Neigh {
	return &netlink.Neigh{LinkIndex: at.Attrs().Index, State: netlink.NUD_PERMANENT,
		IP: addr.AsSlice(), HardwareAddr: of.Attrs().HardwareAddr}
}

// do runs f on a thread inside the peer's namespace. Sockets that f makes
// stay there.
func (p *peer) do(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		must(netns.Set(p.ns))
		f()
	}()
	<-done
}

// eventually polls for a condition of the kernel that has no event to wait
// for; a minute ends a test that hangs.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for start := time.Now(); !ok(); time.Sleep(time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// known tells the kernel the peer's hardware address, so that no packet waits
// until it is found.
func (p *peer) known(a netip.Addr) {
	link, err := p.thereHandler.LinkByName(p.there)
	must(err)
	must(netlink.NeighSet(&netlink.Neigh{LinkIndex: p.hereIndex, State: netlink.NUD_PERMANENT, IP: a.AsSlice(), HardwareAddr: link.Attrs().HardwareAddr}))
}

// open opens a Conn that is closed when the test ends.
func open(t testing.TB, cfg *Config) *Conn {
	t.Helper()
	needNamespace(t)
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// gather receives for that long, or until ok has been true of a packet, and
// returns copies of everything seen, also of what came along with that one. What had come by then counts, however late
// this process runs.
func gather(t testing.TB, c *Conn, long time.Duration, ok func(Packet) bool) []Packet {
	t.Helper()
	var seen []Packet
	buf := make([]Packet, 16)
	must(c.SetReadDeadline(time.Now().Add(long)))
	for receive := c.Recv; ; {
		n, err := receive(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			receive = c.Poll
			continue
		}
		if err == nil && n == 0 {
			return seen
		}
		if err != nil {
			t.Fatal(err)
		}
		done := false
		for _, p := range buf[:n] {
			p.Data = append([]byte(nil), p.Data...)
			seen = append(seen, p)
			done = done || ok != nil && ok(p)
		}
		if done {
			return seen
		}
	}
}

// await receives what must come: until ok has been true of a packet; a minute ends a test that hangs.
func await(t testing.TB, c *Conn, ok func(Packet) bool) []Packet {
	t.Helper()
	return gather(t, c, time.Minute, ok)
}

// gatherAll receives what must come, and what follows it within a while.
func gatherAll(t testing.TB, c *Conn, quiet time.Duration, ok func(Packet) bool) []Packet {
	t.Helper()
	return append(await(t, c, ok), gather(t, c, quiet, nil)...)
}

// nth is true of the nth packet of a kind, and of those after it.
func nth(n int, kind func(Packet) bool) func(Packet) bool {
	return func(p Packet) bool {
		if kind(p) {
			n--
		}
		return n <= 0
	}
}

func anyPacket(Packet) bool    { return true }
func isOutgoing(p Packet) bool { return p.Outgoing }
func isTCP(p Packet) bool      { return tcpHeader(p.Data) != nil }
func isRefusal(p Packet) bool  { return flagsOf(p.Data) == "R." }

// setSysctl sets a value of this namespace for the test.
func setSysctl(t testing.TB, name, value string) {
	t.Helper()
	path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
	old, err := os.ReadFile(path)
	if err != nil {
		skip(t, err.Error())
	}
	must(os.WriteFile(path, []byte(value), 0))
	t.Cleanup(func() { must(os.WriteFile(path, old, 0)) })
}

func itoa(n int) string { return strconv.Itoa(n) }

// intakeOf opens what a connection receives by, and no more of it.
func intakeOf(c *Conn, cfg Config, filter []bpf.Instruction) (err error) {
	c.in, err = openIntake(cfg, filter)
	return err
}

// intakes runs a test with each way to receive.
func intakes(t *testing.T, test func(t *testing.T, cfg Config)) {
	t.Run("socket", func(t *testing.T) { test(t, Config{}) })
	t.Run("frames", func(t *testing.T) { test(t, Config{SharedFrames: true}) })
}
