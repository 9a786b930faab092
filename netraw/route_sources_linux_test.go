package netraw

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// moved4 and moved6 are a second pair of addresses, which another machine may take over.
var moved4, moved6 = netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9")

// addAddress gives this end one more address, and returns what takes it away.
func addAddress(t *testing.T, a netip.Addr) (take func()) {
	t.Helper()
	link, err := netlink.LinkByName("here0")
	must(err)
	addr, err := netlink.ParseAddr(netip.PrefixFrom(a, a.BitLen()).String())
	must(err)
	addr.Flags = unix.IFA_F_NODAD
	must(netlink.AddrAdd(link, addr))
	near, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	must(err)
	t.Cleanup(near.Close)
	eventually(t, "the address to be usable", func() bool { return usable(near, "here0", a) })
	return func() { must(netlink.AddrDel(link, addr)) }
}

// Nothing leaves under an address that is not this machine's any more, whoever named it,
// and what leaves under others does; once it is back, all does.
func TestSourceThatGoes(t *testing.T) {
	for _, moved := range []netip.Addr{moved4, moved6} {
		for _, frames := range []bool{false, true} {
			name := moved.String()
			if frames {
				name += " as frames"
			}
			t.Run(name, func(t *testing.T) {
				newPeer(t)
				take := addAddress(t, moved)
				dst, stays := peer4, our4
				if moved.Is6() {
					dst, stays = peer6, our6
				}
				c := open(t, &Config{Source: moved, SendFrames: frames})
				_, err := c.Route(dst)
				must(err)
				packet := func(src netip.Addr) [][]byte {
					f := probesOf(1, 1)[0]
					f.Src, f.Dst = netip.AddrPortFrom(src, c.Ports()[0]), netip.AddrPortFrom(dst, 1)
					template, err := synTemplatesOf(t).of(&f)
					must(err)
					return [][]byte{template.AppendTo(nil, f)}
				}
				endsWith(t, c, packet(moved), nil)
				take()
				eventually(t, "the address to go", func() bool {
					_, err := c.Send(packet(moved))
					return errors.Is(err, unix.EADDRNOTAVAIL)
				})
				for range 5 {
					endsWith(t, c, packet(moved), ErrForeignSource)
					endsWith(t, c, packet(stays), nil)
					time.Sleep(sourcesEvery)
				}
				addAddress(t, moved)
				eventually(t, "the address to come back", func() bool {
					_, err := c.Send(packet(moved))
					return err == nil
				})
			})
		}
	}
}

// endsWith sends packets by Send and by SendEach, both of which are to end so.
func endsWith(t *testing.T, c *Conn, pkts [][]byte, want error) {
	t.Helper()
	if _, err := c.Send(pkts); !errors.Is(err, want) {
		t.Errorf("Send: %v, want %v", err, want)
	}
	var refusal error
	c.SendEach(pkts, nil, func(_ int, err error) { refusal = err })
	if !errors.Is(refusal, want) {
		t.Errorf("SendEach: %v, want %v", refusal, want)
	}
}

func synTemplatesOf(t *testing.T) *Templates {
	templates := synTemplates(t)
	return &templates
}

// The engine of frames keeps to it too, where the source is what the route said.
func TestBlastFromASourceThatGoes(t *testing.T) {
	p := newPeer(t)
	internet(t, p, lab.World{})
	take := addAddress(t, moved4)
	c := openPacket(t, Config{})
	probes := probesOf(64, c.Ports()[0])[1:2]
	probes[0].Src = netip.AddrPortFrom(moved4, c.Ports()[0])
	must(netlink.RouteReplace(&netlink.Route{Dst: ipNet(world4.String()), Gw: peer4.AsSlice(), Src: moved4.AsSlice(), LinkIndex: p.hereIndex}))
	eventually(t, "the route to name it", func() bool {
		r, err := c.Route(probes[0].Dst.Addr())
		return err == nil && r.Source == moved4
	})
	if n, err := blast(t, c, probes); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	take()
	eventually(t, "the address to go", func() bool {
		_, err := c.Blast(probes)
		return err != nil
	})
	route(world4, peer4)
	eventually(t, "the route to name another", func() bool {
		r, err := c.Route(probes[0].Dst.Addr())
		return err == nil && r.Source == our4
	})
	eventually(t, "its packets to be refused", func() bool {
		_, err := c.Blast(probes)
		return errors.Is(err, ErrForeignSource)
	})
	for range 5 {
		if n, err := c.Blast(probes); n != 0 || !errors.Is(err, ErrForeignSource) {
			t.Errorf("%d left under the address that is gone: %v", n, err)
		}
		time.Sleep(sourcesEvery)
	}
	probes[0].Src = netip.AddrPortFrom(our4, c.Ports()[0])
	if n, err := blast(t, c, probes); n != 1 || err != nil {
		t.Errorf("under the other: %d, %v", n, err)
	}
}

// Routes are asked for as whoever opened the sockets, although the process has become
// another user's since: a rule may route by that.
func TestRouteOfWhoOpenedTheSockets(t *testing.T) {
	for _, dst := range []netip.Addr{far4, far6} {
		t.Run(dst.String(), func(t *testing.T) {
			newPeer(t)
			via, family, bits := peer4, unix.AF_INET, 32
			if dst.Is6() {
				via, family, bits = peer6, unix.AF_INET6, 128
			}
			r := netlink.NewRule()
			r.Family, r.Priority, r.Table, r.UIDRange = family, 50, 100, netlink.NewRuleUIDRange(4711, 4711)
			if err := netlink.RuleAdd(r); errors.Is(err, unix.EINVAL) {
				skip(t, "a user namespace without user 4711: user_namespaces(7)")
			} else {
				must(err)
			}
			t.Cleanup(func() { must(netlink.RuleDel(r)) })
			must(netlink.RouteAdd(&netlink.Route{Dst: ipNet(netip.PrefixFrom(dst, bits).String()), Gw: via.AsSlice(), Table: 100}))
			c := open(t, nil)
			if _, err := c.Route(dst); !errors.Is(err, ErrNoRoute) {
				t.Errorf("of another user: %v", err)
			}
			c.routes.uid = 4711 // as if he had opened it, and root asked
			if route, err := c.Route(dst); err != nil || route.NextHop != via {
				t.Errorf("%+v, %v", route, err)
			}
		})
	}
}
