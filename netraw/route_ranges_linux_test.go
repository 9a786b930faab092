package netraw

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// tinkering changes the routes, rules, addresses and links of a namespace at random, as
// an administrator may while a run goes on.
type tinkering struct {
	rng    *rand.Rand
	links  []int // their indices
	gws    map[int]net.IP
	routes []netlink.Route
	rules  []*netlink.Rule
}

// prefix is one within 10.0.0.0/12, so that routes cover each other.
func (k *tinkering) prefix() *net.IPNet {
	bits := 8 + k.rng.IntN(25)
	p, err := k.address().Prefix(bits)
	must(err)
	return ipNet(p.String())
}

func (k *tinkering) address() netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(k.rng.IntN(2)), byte(k.rng.IntN(4)), byte(k.rng.IntN(256))})
}

func pick[T any](k *tinkering, of ...T) T { return of[k.rng.IntN(len(of))] }

func (k *tinkering) addRoute() {
	link := pick(k, k.links...)
	r := netlink.Route{
		Dst: k.prefix(), LinkIndex: link, Table: pick(k, 254, 254, 77, 78), Priority: pick(k, 0, 0, 5, 9),
		Tos: pick(k, 0, 0, 0, 0x10), MTU: pick(k, 0, 0, 1300, 900),
	}
	switch k.rng.IntN(8) {
	case 0:
		r.LinkIndex, r.MTU, r.Type = 0, 0, pick(k, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_BLACKHOLE, unix.RTN_THROW)
	case 1:
		r.LinkIndex = 0
		for _, l := range k.links {
			r.MultiPath = append(r.MultiPath, &netlink.NexthopInfo{LinkIndex: l, Gw: k.gws[l], Hops: k.rng.IntN(3)})
		}
	case 2:
		r.Src = pick(k, our4.AsSlice(), netip.MustParseAddr("203.0.113.1").AsSlice())
	case 3: // on the link
	default:
		r.Gw = k.gws[link]
	}
	if netlink.RouteAdd(&r) == nil {
		k.routes = append(k.routes, r)
	}
}

func (k *tinkering) dropRoute() {
	if len(k.routes) > 0 {
		i := k.rng.IntN(len(k.routes))
		netlink.RouteDel(&k.routes[i]) // may have gone with its interface
		k.routes = slices.Delete(k.routes, i, i+1)
	}
}

func (k *tinkering) addRule() {
	r := netlink.NewRule()
	r.Priority, r.Table = 100+len(k.rules), pick(k, 77, 78, 254)
	switch k.rng.IntN(8) {
	case 0:
		r.Dst = k.prefix()
	case 1:
		r.Src = pick(k, ipNet(our4.String()+"/32"), ipNet("203.0.113.0/24"))
	case 2:
		r.Dst, r.Invert = k.prefix(), true
	case 3:
		r.SuppressPrefixlen = pick(k, 0, 12, 24)
		r.Table = 254
	case 4:
		r.Mark = 7
	case 5:
		r.Tos = 0x10
	case 6:
		r.UIDRange = netlink.NewRuleUIDRange(0, pick(k, uint32(0), 5000))
	default:
		r.IifName = "here0"
	}
	if netlink.RuleAdd(r) == nil {
		k.rules = append(k.rules, r)
	}
}

func (k *tinkering) dropRule() {
	if len(k.rules) > 0 {
		i := k.rng.IntN(len(k.rules))
		must(netlink.RuleDel(k.rules[i]))
		k.rules = slices.Delete(k.rules, i, i+1)
	}
}

// flap takes an interface down and up again: IPv4 routes go with it.
func (k *tinkering) flap() {
	link, err := netlink.LinkByIndex(k.links[1])
	must(err)
	must(netlink.LinkSetDown(link))
	if k.rng.IntN(2) == 0 {
		k.readdress(link)
	}
	must(netlink.LinkSetUp(link))
}

// readdress takes a second address from an interface, or gives it one.
func (k *tinkering) readdress(link netlink.Link) {
	addr, err := netlink.ParseAddr("10.1.3.9/25")
	must(err)
	if netlink.AddrDel(link, addr) != nil {
		must(netlink.AddrAdd(link, addr))
	}
}

func (k *tinkering) change() {
	switch k.rng.IntN(12) {
	case 0, 1, 2, 3:
		k.addRoute()
	case 4, 5:
		k.dropRoute()
	case 6, 7:
		k.addRule()
	case 8, 9:
		k.dropRule()
	case 10:
		k.flap()
	default:
		link, err := netlink.LinkByIndex(k.links[1])
		must(err)
		k.readdress(link)
	}
}

// forgetful has a connection ask the kernel about each destination.
func forgetful(c *Conn) *Conn {
	c.routes.ranges.close()
	return c
}

// What is remembered of a range is what the kernel says of each of its addresses, whatever
// the tables hold, and at once after they have changed.
func TestRangesAgainstTheKernel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	p := newPeer(t)
	other := secondLink(t, "other0", "203.0.113.1/24", 1400)
	k := &tinkering{rng: rand.New(rand.NewPCG(seed, 0)), links: []int{p.hereIndex, other},
		gws: map[int]net.IP{p.hereIndex: peer4.AsSlice(), other: net.ParseIP("203.0.113.2")}}
	t.Cleanup(func() {
		for len(k.routes)+len(k.rules) > 0 {
			k.dropRoute()
			k.dropRule()
		}
	})
	for range 12 {
		k.addRoute()
	}
	remembered, lookUps := 0, 2000
	if testing.Short() {
		lookUps = 1000
	}
	for _, cfg := range []*Config{nil, {Source: our4}, {Interface: "here0"}, {TOS: 0x10}} {
		many, each := open(t, cfg), forgetful(open(t, cfg))
		for i := range lookUps {
			if i%500 == 250 {
				k.change()
				if k.rng.IntN(2) == 0 {
					k.change()
				}
				many.routes.reconsider() // whether there are several next hops anywhere is a question of their own
				each.routes.reconsider()
			}
			dst := k.address()
			many.routes.ranges.until = time.Now().Add(time.Hour) // however slow this machine is
			if _, ok := many.routes.ranges.of(dst); ok {
				remembered++
			}
			got, err := many.Route(dst)
			want, wantErr := each.Route(dst)
			if got != want || (err == nil) != (wantErr == nil) {
				t.Fatalf("%+v, look-up %d, %v: %+v, %v; the kernel says %+v, %v", cfg, i, dst, got, err, want, wantErr)
			}
			if err == nil && cfg == nil && i%20 == 0 && got.NextHops <= 1 {
				matchesLibrary(t, dst, got)
			}
		}
		many.Close()
		each.Close()
	}
	t.Logf("of %d look-ups %d were remembered", 4*lookUps, remembered) // TestRangesThatMayNotBe is about that any are
}

// matchesLibrary compares a route with what another reader of the kernel's answer has.
func matchesLibrary(t *testing.T, dst netip.Addr, got Route) {
	t.Helper()
	routes, err := netlink.RouteGetWithOptions(dst.AsSlice(), &netlink.RouteGetOptions{SrcAddr: got.Source.AsSlice()})
	if err != nil || len(routes) != 1 {
		t.Errorf("%v: %v, %v", dst, routes, err)
		return
	}
	gw, _ := netip.AddrFromSlice(routes[0].Gw)
	if routes[0].LinkIndex != got.IfIndex || gw.Unmap() != got.NextHop {
		t.Errorf("%v: %+v, ip route get says %+v", dst, got, routes[0])
	}
}

// A path MTU that the kernel learns of one destination is told of that one alone.
func TestRangesWithAPathMTU(t *testing.T) {
	p := newPeer(t)
	p.do(func() {
		must(os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0))
	})
	must(p.thereHandler.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "small", MTU: 1000}, PeerName: "smallx"}))
	small, err := p.thereHandler.LinkByName("small")
	must(err)
	end, err := p.thereHandler.LinkByName("smallx")
	must(err)
	must(errors.Join(p.thereHandler.LinkSetUp(small), p.thereHandler.LinkSetUp(end)))
	must(p.thereHandler.RouteAdd(&netlink.Route{Dst: ipNet("10.20.0.0/16"), LinkIndex: small.Attrs().Index}))
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("10.20.0.0/16"), Gw: peer4.AsSlice()}))
	t.Cleanup(func() { netlink.RouteDel(&netlink.Route{Dst: ipNet("10.20.0.0/16")}) })
	c, narrow, wide := open(t, nil), netip.MustParseAddr("10.20.0.5"), netip.MustParseAddr("10.20.0.6")
	for range 2 * manyRoutes {
		_, err := c.Route(wide)
		must(err)
	}
	if _, ok := c.routes.ranges.of(narrow); !ok {
		t.Fatal("the range is not remembered")
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(err)
	defer unix.Close(fd)
	must(unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO))
	must(unix.Connect(fd, &unix.SockaddrInet4{Port: 9, Addr: narrow.As4()}))
	mtu := func(dst netip.Addr) int {
		for range 2 * manyRoutes { // so that the tables are read anew
			_, err := c.Route(wide)
			must(err)
		}
		route, err := c.Route(dst)
		must(err)
		return route.MTU
	}
	eventually(t, "the path MTU", func() bool {
		unix.Write(fd, make([]byte, 1400))
		return mtu(narrow) == 1000
	})
	if got := mtu(wide); got != 1500 {
		t.Errorf("of another destination it is %d", got)
	}
}

// Where two routes differ in their next hop alone every destination is asked about.
func TestRangesThatMayNotBe(t *testing.T) {
	newPeer(t)
	other := secondLink(t, "other0", "203.0.113.1/24", 1400)
	dst := netip.MustParseAddr("10.30.0.1")
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("10.30.0.0/16"), Gw: peer4.AsSlice()}))
	remembers := func() bool {
		c := open(t, nil)
		defer c.Close()
		for range 3 * manyRoutes {
			_, err := c.Route(dst)
			must(err)
		}
		_, ok := c.routes.ranges.of(dst)
		return ok
	}
	if !remembers() {
		t.Fatal("nothing is remembered of one route")
	}
	must(netlink.RouteAppend(&netlink.Route{Dst: ipNet("10.30.0.0/16"), Gw: net.ParseIP("203.0.113.2"), LinkIndex: other}))
	if remembers() {
		t.Error("with two routes that are alike")
	}
	for range 2 {
		must(netlink.RouteDel(&netlink.Route{Dst: ipNet("10.30.0.0/16")}))
	}
}
