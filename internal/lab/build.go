//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The names of the interfaces inside hosts and routers.
const (
	towardsProber = "eth0"
	towardsHost   = "eth1"
)

// build makes everything of one host. What it made before an error is in h, for
// [Host.close].
func (l *Lab) build(h *Host, spec HostSpec) error {
	if err := h.raise(spec); err != nil {
		return err
	}
	if err := l.connect(h); err != nil {
		return err
	}
	if err := l.route(h, spec.Prefixes); err != nil {
		return err
	}
	for _, s := range spec.Services {
		if err := h.Serve(s); err != nil {
			return err
		}
	}
	return h.protect(spec)
}

// raise creates the namespaces of the routers and the host.
func (h *Host) raise(spec HostSpec) error {
	for i, r := range spec.Routers {
		if err := h.station(r.Sysctls, baseSysctls, talkativeSysctls, routerSysctls); err != nil {
			return fmt.Errorf("router %d: %w", i, err)
		}
	}
	if err := h.station(spec.Sysctls, baseSysctls, talkativeSysctls); err != nil {
		return err
	}
	h.ns = h.stations[len(h.stations)-1]
	return nil
}

func (h *Host) station(own Sysctls, defaults ...Sysctls) error {
	ns, err := newNamespace(defaults...)
	if err != nil {
		return err
	}
	h.stations = append(h.stations, ns)
	return ns.set(own)
}

// connect joins prober, routers and host in a chain and gives every link its
// addresses.
func (l *Lab) connect(h *Host) error {
	near, name := l.prober, h.Name
	for hop, station := range h.stations {
		a, b, err := l.join(h, hop, near, name, station, h.spec.Link)
		if hop == 0 {
			h.near = a
		}
		if err != nil {
			return err
		}
		s, err := newSubnet(h.near.Attrs().Index, hop)
		if err != nil {
			return err
		}
		h.links = append(h.links, s)
		if err := errors.Join(near.assign(a, nearEnd, s), station.assign(b, farEnd, s)); err != nil {
			return err
		}
		if err := errors.Join(near.ready(a), station.ready(b), introduce(station, b, s, nearEnd, near, a)); err != nil {
			return err
		}
		// The prober itself has to find its neighbours, but for those behind a link that is a program: how long that takes
		// to carry a question and its answer is a matter of the machine's load, and may be seconds.
		if hop > 0 || h.spec.Link.introduces() {
			if err := introduce(near, a, s, farEnd, station, b); err != nil {
				return err
			}
		}
		near, name = station, towardsHost
	}
	return l.addSources(h)
}

// addSources gives the prober its further addresses.
func (l *Lab) addSources(h *Host) error {
	if h.spec.Sources > maxSources {
		return fmt.Errorf("%d further source addresses, at most %d", h.spec.Sources, maxSources)
	}
	next := h.stations[0]
	end, err := next.nl.LinkByName(towardsProber)
	if err != nil {
		return err
	}
	for i := range h.spec.Sources {
		place := sources + byte(i)
		err := errors.Join(l.prober.assign(h.near, place, h.links[0]), introduce(next, end, h.links[0], place, l.prober, h.near))
		if err != nil {
			return err
		}
	}
	return l.prober.ready(h.near)
}

// join makes one link: a veth pair, or on the first hop the wire.
func (l *Lab) join(h *Host, hop int, near *namespace, name string, far *namespace, link *Link) (a, b netlink.Link, err error) {
	if hop > 0 || link == nil {
		return pair(near, name, far, towardsProber)
	}
	a, b, h.wire, err = l.span(near, name, far, towardsProber, *link)
	return a, b, err
}

// pair makes a veth pair between two namespaces and brings both ends up.
func pair(near *namespace, nearName string, far *namespace, farName string) (a, b netlink.Link, err error) {
	veth := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: nearName},
		PeerName:      farName,
		PeerNamespace: netlink.NsFd(far.file.Fd()),
	}
	if err := near.nl.LinkAdd(veth); err != nil {
		return nil, nil, fmt.Errorf("interface %q: %w", nearName, err)
	}
	if b, err = far.nl.LinkByName(farName); err != nil {
		return veth, nil, err
	}
	if err := far.nl.LinkSetUp(b); err != nil {
		return veth, b, err
	}
	if err := near.nl.LinkSetUp(veth); err != nil {
		return veth, b, err
	}
	return veth, b, errors.Join(settle(near, veth), settle(far, b))
}

// settle waits until the kernel has noticed an end's carrier, which it does in a
// work queue; until then IPv6 does not use the interface.
func settle(n *namespace, link netlink.Link) error {
	return eventually(fmt.Sprintf("interface %s has no carrier", link.Attrs().Name), func() (bool, error) {
		now, err := n.nl.LinkByIndex(link.Attrs().Index)
		return err == nil && now.Attrs().OperState == netlink.OperUp, err
	})
}

// eventually asks until the answer is yes, or an error, or a minute has passed.
func eventually(complaint string, ask func() (bool, error)) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Microsecond) {
		if yes, err := ask(); yes || err != nil {
			return err
		}
	}
	return errors.New(complaint)
}

// assign gives an interface its place in a subnet, in both families.
func (n *namespace) assign(link netlink.Link, place byte, s subnet) error {
	for _, p := range s.prefixes() {
		addr := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(s.at(place, p.Addr()), p.Bits()))}
		if err := n.nl.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("address %s: %w", addr.IPNet, err)
		}
	}
	return nil
}

// ready waits until an interface's IPv6 addresses are no longer tentative.
// Duplicate detection is off (accept_dad), yet a work queue still has to join
// the groups that neighbour solicitations go to. IFA_F_NODAD would only hide
// that.
func (n *namespace) ready(link netlink.Link) error {
	return eventually(fmt.Sprintf("interface %s: IPv6 addresses stay tentative", link.Attrs().Name), func() (bool, error) {
		list, err := n.nl.AddrList(link, netlink.FAMILY_V6)
		tentative := func(a netlink.Addr) bool { return a.Flags&unix.IFA_F_TENTATIVE != 0 }
		return err == nil && !slices.ContainsFunc(list, tentative), err
	})
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
