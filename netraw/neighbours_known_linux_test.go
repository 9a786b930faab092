package netraw

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// enter makes an entry of the kernel's table.
func (p *peer) enter(a netip.Addr, mac net.HardwareAddr, state int) {
	must(netlink.NeighSet(&netlink.Neigh{LinkIndex: p.hereIndex, State: state, IP: a.AsSlice(), HardwareAddr: mac}))
}

func (p *peer) linkAddrThere() net.HardwareAddr {
	mac, err := net.ParseMAC(p.macThere())
	must(err)
	return mac
}

// A neighbour that the kernel knew before is asked whether it still is there, at the
// address that it had, and then for a new one, however sure the kernel is of it.
func TestNeighboursOnceKnown(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	other := net.HardwareAddr{2, 0, 0, 0, 0, 9}
	for name, state := range map[string]int{"stale": netlink.NUD_STALE, "reachable": netlink.NUD_REACHABLE} {
		for _, first := range []string{"192.0.2.77", "2001:db8::77"} {
			t.Run(name+" "+first, func(t *testing.T) {
				p := newPeer(t)
				p.strangers()
				gone := netip.MustParseAddr(first)
				moved := gone.Next()
				here := moved.Next()
				p.inhabit(t, moved, here)
				p.enter(gone, other, state)
				p.enter(moved, other, state)
				p.enter(here, p.linkAddrThere(), state)
				n := openNeighbours(t, nil)
				for _, a := range []netip.Addr{gone, moved, here} {
					if got := n.Ask(a); got.State != NeighbourPending {
						t.Errorf("%v: %v without being asked", a, got.State)
					}
				}
				got := settle(t, n)
				for addr, want := range map[netip.Addr]Neighbour{
					gone:  {State: NeighbourFailed, Asked: 2},
					moved: {State: NeighbourResolved, Asked: 2},
					here:  {State: NeighbourResolved, Asked: 1},
				} {
					if g := got[addr]; g.State != want.State || g.Asked < want.Asked || g.Believed {
						t.Errorf("%v: %+v, want %v after %d", addr, g, want.State, want.Asked)
					}
				}
				if mac := got[moved].MAC.String(); mac != p.macThere() {
					t.Errorf("moved to %s, want %s", mac, p.macThere())
				}
			})
		}
	}
}

// What was confirmed since is not asked again; what somebody has configured is not asked,
// and no answer.
func TestNeighboursThatNeedNoRequest(t *testing.T) {
	p := newPeer(t)
	n := openNeighbours(t, nil)
	confirmed, set := netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("192.0.2.78")
	p.enter(set, p.linkAddrThere(), netlink.NUD_PERMANENT)
	eventually(t, "the kernel's clock to go on", func() bool {
		p.enter(confirmed, p.linkAddrThere(), netlink.NUD_REACHABLE)
		entry, err := n.table.get(neighbour{p.hereIndex, confirmed})
		return err == nil && n.answered(&question{}, entry, time.Now())
	})
	for a, believed := range map[netip.Addr]bool{confirmed: false, set: true} {
		if got := n.Ask(a); got.State != NeighbourResolved || got.Believed != believed || got.Asked != 0 {
			t.Errorf("%v: %+v", a, got)
		}
	}
}

// Without the right to have the kernel ask, what it knew before is taken, and told apart.
func TestNeighboursBelieved(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	p.strangers()
	for _, a := range []string{"192.0.2.77", "2001:db8::77"} {
		p.enter(netip.MustParseAddr(a), p.linkAddrThere(), netlink.NUD_REACHABLE)
	}
	withCapabilities(func() {
		n := openNeighbours(t, nil)
		n.Ask(netip.MustParseAddr("192.0.2.77"))
		n.Ask(netip.MustParseAddr("2001:db8::77"))
		got := settle(t, n)
		for _, a := range []string{"192.0.2.77", "2001:db8::77"} {
			if g := got[netip.MustParseAddr(a)]; g.State != NeighbourResolved || !g.Believed {
				t.Errorf("%s: %+v", a, g)
			}
		}
	}, unix.CAP_NET_RAW)
}

// One that has answered in this run and gets another link address is found there when it is
// asked again.
func TestNeighboursAskedAgain(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	for _, addr := range []string{"192.0.2.77", "2001:db8::77"} {
		a := netip.MustParseAddr(addr)
		t.Run(addr, func(t *testing.T) { askedAgain(t, a, a, netip.Addr{}) })
		t.Run("by "+addr, func(t *testing.T) { askedAgain(t, a, netip.MustParseAddr("203.0.113.7"), a) })
	}
}

// askedAgain asks once more for what leads to a destination, by a next hop or none.
func askedAgain(t *testing.T, a, dst, hop netip.Addr) {
	p := newPeer(t)
	p.strangers()
	p.inhabit(t, a)
	n := openNeighbours(t, nil)
	if hop.IsValid() { // which the kernel alone has asked for
		eventually(t, "the kernel's clock to go on", func() bool {
			p.enter(a, p.linkAddrThere(), netlink.NUD_REACHABLE)
			entry, err := n.table.get(neighbour{p.hereIndex, a})
			return err == nil && n.answered(&question{}, entry, time.Now())
		})
	} else if n.Ask(a); settle(t, n)[a].State != NeighbourResolved {
		t.Fatal("not resolved at first")
	}
	far, err := p.thereHandler.LinkByName(p.there)
	must(err)
	must(p.thereHandler.LinkSetHardwareAddr(far, net.HardwareAddr{2, 0, 0, 0, 0, 9}))
	if got := n.AskAgain(dst, Route{IfIndex: p.hereIndex, NextHop: hop}); got.State != NeighbourPending {
		t.Fatalf("%+v without being asked", got)
	}
	if got := settle(t, n)[a]; got.State != NeighbourResolved || got.MAC.String() != p.macThere() || p.macThere() != "02:00:00:00:00:09" {
		t.Errorf("%+v", got)
	}
}
