//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"sync/atomic"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// MeshSpec describes a host behind routers between which there are several paths.
// Each router that has several next hops chooses among them by a hash of addresses
// and ports (fib_multipath_hash_policy=1), seeded by itself, so that the choices of
// two routers are independent (net.ipv4.fib_multipath_hash_seed, Linux 6.11). That
// holds for packets of raw sockets: those of the kernel's own connections carry a
// hash across a veth, which all routers use as it is (net/ipv4/route.c,
// fib_multipath_hash).
type MeshSpec struct {
	// Next are the next hops of each node, from 0, the prober, which has one, to the
	// host, which is the last and has none. Links lead to higher numbers.
	Next     [][]int
	Rules    map[int][]Rule // of what a router forwards
	Sysctls  map[int]Sysctls
	Services []Service
}

// Mesh is what a MeshSpec describes. Its nodes are known by their numbers in Next.
type Mesh struct {
	prober   *namespace
	nodes    []*namespace // by number; the first is the prober
	number   byte
	near     netlink.Link // the prober's interface
	servers  servers
	links    int
	upstream []netip.Addr // IPv4 of the neighbour from which a node is reached first
	up6      []netip.Addr
}

// meshes counts those of this process, since each has addresses of its own.
var meshes atomic.Uint32

// NewMesh builds a mesh. Errors are as of [New].
func NewMesh(spec MeshSpec) (*Mesh, error) {
	if !Inside() {
		return nil, fmt.Errorf("lab: %w outside a namespace made by Enter or Main", ErrNotPermitted)
	}
	prober, err := openNamespace()
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	n := len(spec.Next)
	m := &Mesh{
		prober: prober, nodes: []*namespace{prober}, number: byte(meshes.Add(1) % 16),
		upstream: make([]netip.Addr, n), up6: make([]netip.Addr, n),
	}
	if err := m.build(spec); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: mesh: %w", err), m.Close())
	}
	return m, nil
}

func (m *Mesh) build(spec MeshSpec) error {
	for i := 1; i < len(spec.Next); i++ {
		if err := m.raise(i, spec); err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
	}
	for i, next := range spec.Next {
		if err := m.lead(i, next); err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
	}
	for i := 1; i < len(spec.Next); i++ {
		if err := m.back(i); err != nil {
			return fmt.Errorf("way back from node %d: %w", i, err)
		}
	}
	for _, s := range spec.Services {
		if err := m.servers.start(m.nodes[len(m.nodes)-1], s); err != nil {
			return err
		}
	}
	return nil
}

// raise makes a node with an address on its loopback, from which it answers.
func (m *Mesh) raise(i int, spec MeshSpec) error {
	ns, err := newNamespace(baseSysctls, talkativeSysctls, routerSysctls, Sysctls{
		"net.ipv4.fib_multipath_hash_policy": "1",
		"net.ipv6.fib_multipath_hash_policy": "1",
		"net.ipv4.fib_multipath_hash_seed":   strconv.Itoa(1000*int(m.number) + i),
	})
	if err != nil {
		return err
	}
	m.nodes = append(m.nodes, ns)
	lo, err := ns.nl.LinkByName("lo")
	if err != nil {
		return err
	}
	for _, a := range []netip.Addr{m.Addr4(i), m.Addr6(i)} {
		if err := ns.nl.AddrAdd(lo, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(a, a.BitLen()))}); err != nil {
			return err
		}
	}
	if err := ns.set(spec.Sysctls[i]); err != nil {
		return err
	}
	return ns.filter(nftables.ChainHookForward, spec.Rules[i], nil)
}

// Addr4 and Addr6 are the addresses of a node, from which it also sends errors.
func (m *Mesh) Addr4(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{172, 16 + m.number, 0, byte(i)})
}

// Addr6 is as Addr4.
func (m *Mesh) Addr6(i int) netip.Addr {
	return netip.AddrFrom16([16]byte{0xfd, 0x53, 0x6d, 0x73, m.number, 15: byte(i)})
}

// Host is the number of the host.
func (m *Mesh) Host() int { return len(m.nodes) - 1 }

// Do runs f in the namespace of a node.
func (m *Mesh) Do(i int, f func() error) error { return m.nodes[i].do(f) }

// lead links a node to its next hops and sends what is for the host there.
func (m *Mesh) lead(i int, next []int) error {
	var v4, v6 []*netlink.NexthopInfo
	for _, to := range next {
		a, far4, far6, err := m.link(i, to)
		if err != nil {
			return err
		}
		if i == 0 {
			m.near = a
		}
		v4 = append(v4, &netlink.NexthopInfo{LinkIndex: a.Attrs().Index, Gw: far4.AsSlice()})
		v6 = append(v6, &netlink.NexthopInfo{LinkIndex: a.Attrs().Index, Gw: far6.AsSlice()})
	}
	if len(next) == 0 {
		return nil
	}
	ids := []netip.Prefix{netip.PrefixFrom(m.Addr4(0), 24).Masked(), netip.PrefixFrom(m.Addr6(0), 64).Masked()}
	return errors.Join(m.route(i, ids[0], v4), m.route(i, ids[1], v6))
}

// route sends a prefix through one next hop or several.
func (m *Mesh) route(i int, p netip.Prefix, next []*netlink.NexthopInfo) error {
	r := &netlink.Route{Dst: ipNet(p)}
	if len(next) == 1 {
		r.LinkIndex, r.Gw = next[0].LinkIndex, next[0].Gw
	} else {
		r.MultiPath = next
	}
	if err := m.nodes[i].nl.RouteAdd(r); err != nil {
		return fmt.Errorf("route to %v: %w", p, err)
	}
	return nil
}

// link makes a veth pair with addresses of its own.
func (m *Mesh) link(from, to int) (a netlink.Link, far4, far6 netip.Addr, err error) {
	name := fmt.Sprintf("to%d", to)
	if from == 0 {
		name = fmt.Sprintf("mesh%d", m.number)
	}
	a, b, err := pair(m.nodes[from], name, m.nodes[to], fmt.Sprintf("from%d", from))
	if err != nil {
		return a, far4, far6, err
	}
	m.links++
	s := subnet{
		v4: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16 + m.number, byte(m.links), 0}), 24),
		v6: netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 0x53, 0x6d, 0x73, m.number, 1, 0, byte(m.links)}), 64),
	}
	near, far := m.nodes[from], m.nodes[to]
	if err := errors.Join(near.assign(a, nearEnd, s), far.assign(b, farEnd, s)); err != nil {
		return a, far4, far6, err
	}
	if !m.upstream[to].IsValid() {
		m.upstream[to], m.up6[to] = s.at4(nearEnd), s.at6(nearEnd)
	}
	return a, s.at4(farEnd), s.at6(farEnd), errors.Join(near.ready(a), far.ready(b),
		introduce(far, b, s, nearEnd, near, a), introduce(near, a, s, farEnd, far, b))
}

// back sends everything else back by the first link, from the node's own address.
func (m *Mesh) back(i int) error {
	for p, gw := range map[netip.Prefix]netip.Addr{everything()[0]: m.upstream[i], everything()[1]: m.up6[i]} {
		own := m.Addr4(i)
		if p.Addr().Is6() {
			own = m.Addr6(i)
		}
		err := m.nodes[i].nl.RouteAdd(&netlink.Route{Dst: ipNet(p), Gw: gw.AsSlice(), Src: own.AsSlice()})
		if err != nil {
			return fmt.Errorf("%v: %w", gw, err)
		}
		if err := m.ownSource(i, gw, own); err != nil {
			return err
		}
	}
	return nil
}

// ownSource has a node answer the prober from its own address on the link to it too.
func (m *Mesh) ownSource(i int, gw, own netip.Addr) error {
	link, err := m.nodes[i].nl.LinkByName("from0")
	if err != nil {
		return nil // not next to the prober
	}
	bits, metric := 24, 0
	if gw.Is6() {
		bits, metric = 64, 1
	}
	return m.nodes[i].nl.RouteReplace(&netlink.Route{
		Dst: ipNet(netip.PrefixFrom(gw, bits).Masked()), LinkIndex: link.Attrs().Index, Src: own.AsSlice(),
		Scope: netlink.SCOPE_LINK, Priority: metric,
	})
}

// Close stops the servers and removes all interfaces and namespaces.
func (m *Mesh) Close() error {
	m.servers.close()
	var errs []error
	if m.near != nil {
		if err := m.prober.nl.LinkDel(m.near); !errors.Is(err, unix.ENODEV) { // gone with the namespace of its other end
			errs = append(errs, err)
		}
	}
	for _, ns := range m.nodes {
		errs = append(errs, ns.close())
	}
	return errors.Join(errs...)
}
