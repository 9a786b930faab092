package netraw

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// strangers undoes introduce: both ends have to find out each other's addresses.
func (p *peer) strangers() {
	for h, name := range map[*netlink.Handle]string{p.thereHandler: p.there, nil: p.here} {
		if h == nil {
			h = &netlink.Handle{}
		}
		link, err := h.LinkByName(name)
		must(err)
		list, err := h.NeighList(link.Attrs().Index, 0)
		must(err)
		for i := range list {
			if list[i].State == netlink.NUD_PERMANENT {
				must(h.NeighDel(&list[i]))
			}
		}
	}
}

// inhabit gives the far end more addresses, and waits until it answers for them.
func (p *peer) inhabit(t testing.TB, addrs ...netip.Addr) {
	link, err := p.thereHandler.LinkByName(p.there)
	must(err)
	for _, a := range addrs {
		addr, err := netlink.ParseAddr(netip.PrefixFrom(a, a.BitLen()).String())
		must(err)
		addr.Flags = unix.IFA_F_NODAD
		must(p.thereHandler.AddrAdd(link, addr))
	}
	eventually(t, "the new addresses to be usable", func() bool { return usable(p.thereHandler, p.there, addrs...) })
}

func openNeighbours(t testing.TB, cfg *NeighbourConfig) *Neighbours {
	t.Helper()
	n, err := OpenNeighbours(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// settle polls as an engine does until nothing is pending, and returns each
// outcome; one that comes twice is an error.
func settle(t testing.TB, n *Neighbours) map[netip.Addr]Neighbour {
	t.Helper()
	all := map[netip.Addr]Neighbour{}
	var some []Neighbour
	for {
		some = n.Poll(some[:0])
		for _, found := range some {
			if before, twice := all[found.Addr]; twice {
				t.Errorf("%v: %v after %v", found.Addr, found, before)
			}
			all[found.Addr] = found
		}
		if n.Pending() == 0 {
			return all
		}
		wait, _ := n.Next()
		select {
		case <-n.Ready():
		case <-time.After(wait):
		}
	}
}

// hosts are consecutive addresses, the living of which the far end has.
func hosts(first netip.Addr, n, every int) (all []netip.Addr, live map[netip.Addr]bool) {
	live = map[netip.Addr]bool{}
	for i, a := 0, first; i < n; i, a = i+1, a.Next() {
		all = append(all, a)
		if i%every == 0 {
			live[a] = true
		}
	}
	return all, live
}

// Of a network most of which is empty exactly those answer that are there, by
// both IP versions, and nothing is left in the kernel's table of the others.
func TestNeighboursOfAnEmptyNetwork(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	for _, first := range []string{"192.0.2.10", "2001:db8::1000", "fe80::1000%here0"} {
		t.Run(first, func(t *testing.T) {
			p := newPeer(t)
			p.strangers()
			all, live := hosts(netip.MustParseAddr(first), 200, 20)
			for a := range live {
				p.inhabit(t, a.WithZone(""))
			}
			n := openNeighbours(t, nil)
			for _, a := range all {
				for range 2 { // asking again changes nothing
					if got := n.Ask(a); got.State != NeighbourPending {
						t.Errorf("Ask(%v) = %v at once", a, got.State)
					}
				}
			}
			got := settle(t, n)
			mac := p.macThere()
			for _, a := range all {
				found := got[a]
				switch {
				case live[a] && (found.State != NeighbourResolved || found.MAC.String() != mac || found.Asked == 0):
					t.Errorf("%v is there: %+v", a, found)
				case !live[a] && (found.State != NeighbourFailed || found.Asked != 2 || found.Took < 4*defaultNeighbourWait):
					t.Errorf("%v is not there: %+v", a, found)
				}
				if again := n.Ask(a); again.State != found.State {
					t.Errorf("%v: Ask says %v after %v", a, again.State, found.State)
				}
			}
			n.Close()
			if left := p.unresolved(); left != 0 {
				t.Errorf("%d entries that lead nowhere are left in the table", left)
			}
		})
	}
}

func (p *peer) macThere() string {
	link, err := p.thereHandler.LinkByName(p.there)
	must(err)
	return link.Attrs().HardwareAddr.String()
}

// unresolved counts the entries of our end without a link address.
func (p *peer) unresolved() (n int) {
	list, err := netlink.NeighList(p.hereIndex, 0)
	must(err)
	for _, e := range list {
		if e.State&nudValid == 0 {
			n++
		}
	}
	return n
}

// No more than Limit are unresolved at a time, and a third as many may still answer.
func TestNeighboursAtATime(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	n := openNeighbours(t, &NeighbourConfig{Limit: 10, Rate: 1e6, Wait: 50 * time.Millisecond})
	all, _ := hosts(netip.MustParseAddr("192.0.2.10"), 35, 100)
	for _, a := range all {
		n.Ask(a)
	}
	most, polls := 0, 0
	var some []Neighbour
	for n.Pending() > 0 {
		some = n.Poll(some)
		most = max(most, p.unresolved())
		polls++
		time.Sleep(5 * time.Millisecond)
	}
	if most > 13 || most < 5 || len(some) != 35 {
		t.Errorf("%d unresolved at a time in %d polls, %d outcomes", most, polls, len(some))
	}
}

// What an engine must not ask ARP about is answered at once, routed
// destinations with the next hop to ask about instead.
func TestNeighboursElsewhere(t *testing.T) {
	p := newPeer(t)
	secondLink(t, "other0", "203.0.113.1/32", 1400)
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("10.1.0.0/16"), Gw: peer4.AsSlice()}))
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("2001:db8:a::/48"), Gw: p.thereLL.AsSlice(), LinkIndex: p.hereIndex}))
	tun := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "tun9"}, Mode: netlink.TUNTAP_MODE_TUN, Queues: 1, NonPersist: true}
	if err := netlink.LinkAdd(tun); err == nil {
		t.Cleanup(func() { tun.Fds[0].Close() })
		must(netlink.LinkSetUp(tun))
		must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("10.7.0.0/16"), LinkIndex: tun.Index, Src: our4.AsSlice()}))
	}
	n := openNeighbours(t, nil)
	for _, tc := range []struct {
		dst, hop string
		state    NeighbourState
		err      error
	}{
		{dst: "10.1.2.3", hop: "192.0.2.2", state: NeighbourRouted},
		{dst: "2001:db8:a::5", hop: "fe80::2%here0", state: NeighbourRouted},
		{dst: "192.0.2.2", state: NeighbourResolved}, // the table has it
		{dst: "fe80::2%here0", state: NeighbourResolved},
		{dst: "192.0.2.1", state: NeighbourUnneeded},
		{dst: "127.0.0.1", state: NeighbourUnneeded},
		{dst: "192.0.2.255", state: NeighbourUnneeded},
		{dst: "224.0.0.1", state: NeighbourUnneeded},
		{dst: "10.7.0.9", state: NeighbourUnneeded},
		{dst: "198.51.100.1", state: NeighbourUnknown, err: ErrNoRoute},
		{dst: "fe80::2", state: NeighbourUnknown, err: ErrNoInterface},
	} {
		if tc.dst == "10.7.0.9" && tun.Index == 0 || tc.dst == "224.0.0.1" {
			continue
		}
		got := n.Ask(netip.MustParseAddr(tc.dst))
		if got.State != tc.state || !errors.Is(got.Err, tc.err) {
			t.Errorf("%s: %+v, want %v %v", tc.dst, got, tc.state, tc.err)
		}
		if tc.hop == "" {
			continue
		}
		if got.NextHop != netip.MustParseAddr(tc.hop) {
			t.Errorf("%s: next hop %v, want %s", tc.dst, got.NextHop, tc.hop)
		}
		if hop := n.Ask(got.NextHop); hop.State != NeighbourResolved {
			t.Errorf("next hop %v: %+v", got.NextHop, hop)
		}
	}
	if n.Pending() != 0 {
		t.Errorf("%d are pending, all were answered", n.Pending())
	}
}

// One that comes up after it failed is found when the caller forgets.
func TestNeighboursForget(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	p.strangers()
	late := netip.MustParseAddr("192.0.2.77")
	n := openNeighbours(t, nil)
	n.Ask(late)
	if got := settle(t, n)[late]; got.State != NeighbourFailed {
		t.Fatalf("%+v", got)
	}
	p.inhabit(t, late)
	if got := n.Ask(late); got.State != NeighbourFailed {
		t.Errorf("%+v although nothing was forgotten", got)
	}
	n.Forget(late)
	n.Ask(late)
	if got := settle(t, n)[late]; got.State != NeighbourResolved {
		t.Errorf("after Forget %+v", got)
	}
}

// One whose answer comes after it was given up is told of once more.
func TestNeighboursThatAnswerLate(t *testing.T) {
	p := newPeer(t)
	p.strangers()
	late := netip.MustParseAddr("192.0.2.77")
	n := openNeighbours(t, &NeighbourConfig{Wait: 500 * time.Millisecond})
	n.Ask(late)
	if got := settle(t, n)[late]; got.State != NeighbourFailed {
		t.Fatalf("%+v", got)
	}
	p.announce(t, late)
	var found []Neighbour
	eventually(t, "the answer to be told of", func() bool { found = n.Poll(found); return len(found) > 0 })
	if got := found[0]; got.Addr != late || got.State != NeighbourResolved || got.MAC.String() != p.macThere() {
		t.Errorf("%+v", got)
	}
	if got := n.Ask(late); got.State != NeighbourResolved {
		t.Errorf("Ask says %+v", got)
	}
}

// announce sends an ARP reply for an address from the far end (RFC 826).
func (p *peer) announce(t testing.TB, a netip.Addr) {
	t.Helper()
	far, err := p.thereHandler.LinkByName(p.there)
	must(err)
	near, err := netlink.LinkByName(p.here)
	must(err)
	theirs, ours, addr, to := far.Attrs().HardwareAddr, near.Attrs().HardwareAddr, a.As4(), our4.As4()
	frame := slices.Concat(ours, theirs, []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 2}, theirs, addr[:], ours, to[:])
	p.do(func() {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		must(err)
		defer unix.Close(fd)
		must(unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: far.Attrs().Index, Protocol: 0x0608}))
	})
}

// With CAP_NET_RAW alone the kernel is made to ask by a packet that nobody
// answers.
func TestNeighboursWithoutNetAdmin(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	p.strangers()
	p.inhabit(t, netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("2001:db8::77"))
	came := p.countAnswers()
	withCapabilities(func() {
		n := openNeighbours(t, nil)
		if n.table.changeable() {
			t.Fatal("the table can be changed: this tests nothing")
		}
		tellsApart(t, n)
	}, unix.CAP_NET_RAW)
	if n := came(); n != 0 {
		t.Errorf("%d segments came back for the packets that make the kernel ask", n)
	}
}

// tellsApart asks for the neighbours 77, which are there, and 78, which are not.
func tellsApart(t *testing.T, n *Neighbours) (found map[netip.Addr]Neighbour) {
	t.Helper()
	want := map[string]NeighbourState{
		"192.0.2.77": NeighbourResolved, "2001:db8::77": NeighbourResolved,
		"192.0.2.78": NeighbourFailed, "2001:db8::78": NeighbourFailed,
	}
	for dst := range want {
		n.Ask(netip.MustParseAddr(dst))
	}
	found = settle(t, n)
	for dst, state := range want {
		if g := found[netip.MustParseAddr(dst)]; g.State != state {
			t.Errorf("%s: %+v, want %v", dst, g, state)
		}
	}
	return found
}

// countAnswers counts what TCP sends back from the far end.
func (p *peer) countAnswers() func() int {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, int(htons(unix.ETH_P_ALL)))
	must(err)
	must(unix.SetNonblock(fd, true))
	return func() (n int) {
		defer unix.Close(fd)
		b := make([]byte, 2048)
		for {
			k, from, err := unix.Recvfrom(fd, b, 0)
			if err != nil {
				return n
			}
			in := from.(*unix.SockaddrLinklayer).Pkttype != unix.PACKET_OUTGOING
			if in && k >= 40 && (b[0]>>4 == 4 && b[9] == protoTCP || b[0]>>4 == 6 && b[6] == protoTCP) {
				n++
			}
		}
	}
}

func TestNeighbourStateText(t *testing.T) {
	for s := NeighbourPending; s <= NeighbourUnknown+1; s++ {
		if text := s.String(); text == "" || text == fmt.Sprint(uint8(s)) {
			t.Errorf("state %d is %q", uint8(s), text)
		}
	}
}
