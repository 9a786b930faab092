package netraw

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/internal/lab"
)

// Both engines against a world whose every answer is known: each probe leaves
// once, and exactly the ports that should answer do, of both IP versions.
func TestEnginesAgainstTheWorld(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	const n = 20_000
	world := lab.World{Seed: 3, Open: 0.05, Refused: 0.05}
	for name, open := range map[string]func(*testing.T, *peer) wideEngine{
		"xdp":    func(t *testing.T, p *peer) wideEngine { return openXDP(t, p, Config{}) },
		"packet": func(t *testing.T, p *peer) wideEngine { return openPacket(t, Config{}) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t)
			internet(t, p, world)
			gro(p.here)
			c := open(t, p)
			probes := probesOf(n, c.Ports()[0])
			sent, err := blast(t, c, probes)
			if sent != n || err != nil {
				t.Fatalf("Blast: %d, %v", sent, err)
			}
			answers := collect(t, c)
			for i := range probes {
				got, answered := answers[probes[i].Dst]
				fate := world.Fate(probes[i].Dst)
				want := map[lab.Fate]craft.Flags{lab.Opened: craft.SYN | craft.ACK, lab.Refused: craft.RST | craft.ACK}[fate]
				if got != want || answered != (fate != lab.Dropped) {
					t.Errorf("%v answered %v, want %v", probes[i].Dst, got, want)
				}
			}
			if s := c.Stats(); s.Sent != n || s.SendErrors != 0 || s.KernelDrops != 0 || s.Received != uint64(len(answers)) {
				t.Errorf("%+v of %d answers", s, len(answers))
			}
		})
	}
}

// gro lets a veth take what an XDP program at its other end sends.
func gro(ifname string) { must(lab.AcceptRedirects(ifname)) }

// What has no frame goes through the kernel, in its place among the others:
// here to loopback.
func TestBlastThroughTheKernel(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	internet(t, p, lab.World{})
	c := openPacket(t, Config{})
	probes := probesOf(10, c.Ports()[0])
	local := craft.Fields{Src: netip.AddrPortFrom(lo4, c.Ports()[0]), Dst: netip.AddrPortFrom(lo4, 9), Seq: 5}
	probes[4] = local
	if n, err := blast(t, c, probes); n != 10 || err != nil {
		t.Fatal(n, err)
	}
	if answers := collect(t, c); answers[local.Dst] != craft.RST|craft.ACK {
		t.Errorf("loopback answered %v", answers)
	}
	if s := c.Stats(); s.Sent != 10 || c.kernel.sent.Load() == 0 || c.kernel.sent.Load() == 10 {
		t.Errorf("%+v, %d through the kernel", s, c.kernel.sent.Load())
	}
}

// The error concerns the probe it is returned for, and those before have left.
func TestBlastErrors(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	internet(t, p, lab.World{})
	for name, c := range map[string]wideEngine{"xdp": openXDP(t, p, Config{}), "packet": openPacket(t, Config{})} {
		probes := probesOf(10, c.Ports()[0])
		probes[6].Dst = netip.AddrPort{}
		n, err := blast(t, c, probes)
		if n != 6 || !errors.Is(err, ErrNoRoute) || !errors.As(err, new(*net.OpError)) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		if s := c.Stats(); s.Sent != 6 || s.SendErrors != 1 {
			t.Errorf("%s: %+v", name, s)
		}
		c.Close()
		if _, err := c.Blast(probes); err == nil {
			t.Errorf("%s: Blast after Close", name)
		}
		if _, err := c.Recv(make([]Packet, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: Recv after Close: %v", name, err)
		}
	}
}

func TestBlastWithoutRoute(t *testing.T) {
	p := newPeer(t)
	internet(t, p, lab.World{})
	c := openPacket(t, Config{})
	probes := probesOf(3, c.Ports()[0])
	probes[2].Dst = netip.MustParseAddrPort("203.0.113.1:80")
	if n, err := blast(t, c, probes); n != 2 || !errors.Is(err, ErrNoRoute) {
		t.Error(n, err)
	}
}

func TestBlastWithoutTemplate(t *testing.T) {
	p := newPeer(t)
	internet(t, p, lab.World{})
	c, err := OpenPacket(nil, Templates{V4: synTemplates(t).V4})
	must(err)
	defer c.Close()
	six := probesOf(1, c.Ports()[0])
	if n, err := c.Blast(six); n != 0 || !errors.Is(err, ErrNoTemplate) {
		t.Error(n, err)
	}
}

// A neighbour that moves is followed, without a probe lost to its old address.
func TestHopsFollowTheKernel(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	internet(t, p, lab.World{})
	c := openPacket(t, Config{})
	header := func() (h hop) {
		c.ways.mu.Lock()
		defer c.ways.mu.Unlock()
		if n, _, err := c.ways.to(far4); err != nil && !errors.Is(err, ErrSendDelayed) && !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		} else if err == nil && n >= 0 {
			h = c.ways.hops.table[n]
		}
		return h
	}
	if !header().valid {
		t.Fatal("the gateway has a permanent entry, and no frame is made for it")
	}
	moved := net.HardwareAddr{2, 0, 0, 0, 0, 42}
	must(netlink.NeighSet(&netlink.Neigh{LinkIndex: p.hereIndex, State: netlink.NUD_PERMANENT,
		IP: peer4.AsSlice(), HardwareAddr: moved}))
	eventually(t, "the new address", func() bool { return net.HardwareAddr(moved).String() == hardware(header()) })
	must(netlink.NeighDel(&netlink.Neigh{LinkIndex: p.hereIndex, IP: peer4.AsSlice()}))
	eventually(t, "the entry to go", func() bool { return !header().valid })

	// With no entry at all, the first probe makes the kernel find the peer.
	probes := probesOf(10, c.Ports()[0])[1:3]
	eventually(t, "both probes to leave", func() bool {
		n, err := c.Blast(probes)
		if err != nil && !errors.Is(err, ErrSendDelayed) {
			t.Fatal(n, err)
		}
		probes = probes[n:]
		return len(probes) == 0
	})
	eventually(t, "a frame for the gateway", func() bool { return header().valid })
}

func hardware(h hop) string { return net.HardwareAddr(h.header[:6]).String() }

// On the link every destination is a neighbour of its own: one that is there
// is found by the first probe, and has a frame for the next.
func TestOnLinkNeighbour(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	c := openPacket(t, Config{})
	must(netlink.NeighDel(&netlink.Neigh{LinkIndex: p.hereIndex, IP: peer4.AsSlice()}))
	for batch, n := 0, 1; c.out.sent.Load() == 0; batch, n = batch+1, 3 {
		var probes []craft.Fields
		for k := range n { // one now and then leaves through the kernel, to see whether its rules let it
			probes = append(probes, craft.Fields{Src: netip.AddrPortFrom(our4, c.Ports()[0]), Dst: netip.AddrPortFrom(peer4, uint16(9+k)), Seq: 7})
		}
		if sent, err := blast(t, c, probes); sent != n || err != nil {
			t.Fatal(sent, err)
		}
		if answers := collect(t, c); len(answers) != n || answers[probes[n-1].Dst] != craft.RST|craft.ACK {
			t.Errorf("batch %d: %v", batch, answers)
		}
		if batch == 20 {
			t.Fatal("no probe left as a frame")
		}
	}
}

// Probes through a gateway that does not answer ARP are refused for now, so that
// others can leave, and once the kernel has given up the error says so.
func TestSilentGateway(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	if testing.Short() {
		t.Skip("-short: the kernel takes three seconds to give up")
	}
	p := newPeer(t)
	route(world4, netip.MustParseAddr("192.0.2.99"))
	defer unroute(world4)
	c := openPacket(t, Config{})
	probes := probesOf(3, c.Ports()[0])[1:]
	if n, err := c.Blast(probes); n != 0 || !errors.Is(err, ErrSendDelayed) {
		t.Errorf("at first: %d, %v", n, err)
	}
	near := craft.Fields{Src: netip.AddrPortFrom(our4, c.Ports()[0]), Dst: netip.AddrPortFrom(peer4, 9), Seq: 7}
	if n, err := blast(t, c, []craft.Fields{near}); n != 1 || err != nil {
		t.Errorf("to another: %d, %v", n, err)
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		n, err := c.Blast(probes)
		if n != 0 || err == nil || time.Since(began) > time.Minute {
			t.Fatal(n, err)
		}
		if errors.Is(err, ErrNextHop) {
			break
		}
	}
	_ = p
}

// The routeCache gives for every address what the kernel gives when asked alone,
// and notices new routes.
func TestRouteCacheAgainstTheKernel(t *testing.T) {
	p := newPeer(t)
	internet(t, p, lab.World{})
	c := openPacket(t, Config{})
	check := func() {
		t.Helper()
		for _, s := range []string{
			"0.0.0.1", "10.255.255.255", "11.0.0.0", "11.0.127.255", "11.0.128.0", "11.0.128.77", "11.0.128.78",
			"11.0.128.79", "11.255.255.255", "12.0.0.0", "127.0.0.1", "192.0.2.1", "192.0.2.7", "192.0.2.255",
			"192.0.3.0", "255.255.255.255", "::1", "2001:db8::2", "2001:db8:a::1", "2001:db8:a:ffff::", "2001:db8:b::",
		} {
			dst := netip.MustParseAddr(s)
			want, wantErr := c.ways.routes.route(dst)
			got, err := c.Route(dst)
			if got != want || errors.Is(err, ErrNoRoute) != errors.Is(wantErr, ErrNoRoute) {
				t.Errorf("%s: %+v, %v; the kernel says %+v, %v", s, got, err, want, wantErr)
			}
		}
	}
	check()
	route(netip.MustParsePrefix("11.0.128.0/17"), netip.MustParseAddr("192.0.2.77"))
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("11.0.128.78/32"), Type: unix.RTN_BLACKHOLE}))
	eventually(t, "the notification", func() bool {
		r, _ := c.Route(netip.MustParseAddr("11.0.128.1"))
		return r.NextHop == netip.MustParseAddr("192.0.2.77")
	})
	check()
	must(netlink.RouteDel(&netlink.Route{Dst: ipNet("11.0.128.78/32"), Type: unix.RTN_BLACKHOLE}))
	unroute(netip.MustParsePrefix("11.0.128.0/17"))
}

func TestLastOfPrefix(t *testing.T) {
	for p, want := range map[string]string{
		"11.0.0.0/8": "11.255.255.255", "0.0.0.0/0": "255.255.255.255", "192.0.2.7/32": "192.0.2.7",
		"192.0.2.4/30": "192.0.2.7", "2001:db8::/33": "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff",
		"::/0": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	} {
		if got := last(netip.MustParsePrefix(p)); got.String() != want {
			t.Errorf("%s ends at %v", p, got)
		}
	}
}

// The backlog is what waits to be read: nothing at first, much where nobody
// reads, nothing once all has been read.
func TestBacklog(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	internet(t, p, lab.World{Seed: 1, Refused: 0.9})
	gro(p.here)
	small := Config{ReceiveBuffer: 8 * blockSize}
	packet, xdp, conn := openPacket(t, small), openXDP(t, p, small), open(t, &small)
	for name, c := range map[string]interface {
		Backlog() float64
		Ports() []uint16
		Recv([]Packet) (int, error)
		SetReadDeadline(time.Time) error
	}{"packet": packet, "raw": conn, "xdp": xdp} {
		if b := c.Backlog(); b != 0 {
			t.Errorf("%s: at first: %v", name, b)
		}
		if n, err := blast(t, packet, probesOf(4000, c.Ports()[0])); err != nil {
			t.Fatal(n, err)
		}
		eventually(t, name+"'s backlog", func() bool { return c.Backlog() > 0.25 })
		drainAll(c)
		if b := c.Backlog(); b > 0.125 {
			t.Errorf("%s: after all was read: %v", name, b)
		}
	}
}

// drainAll reads until nothing comes for a while.
func drainAll(c interface {
	Recv([]Packet) (int, error)
	SetReadDeadline(time.Time) error
}) {
	pkts := make([]Packet, 64)
	for {
		c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := c.Recv(pkts); err != nil {
			return
		}
	}
}
