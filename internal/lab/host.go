//go:build linux

package lab

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Host is one host of a lab: a network namespace with a kernel stack of its own.
type Host struct {
	Name string

	spec     HostSpec
	prober   *namespace
	ns       *namespace
	stations []*namespace // routers from the prober outwards, then the host
	links    []subnet     // from the prober outwards
	near     netlink.Link // the prober's end
	wire     *Wire
	servers  servers
}

// last is the host's own subnet.
func (h *Host) last() subnet { return h.links[len(h.links)-1] }

// Addr4 is the host's IPv4 address.
func (h *Host) Addr4() netip.Addr { return h.last().at4(farEnd) }

// Addr6 is the host's IPv6 address.
func (h *Host) Addr6() netip.Addr { return h.last().at6(farEnd) }

// Absent4 is an IPv4 address in the host's subnet that nobody has: on-link for
// the last hop, and never answering ARP.
func (h *Host) Absent4() netip.Addr { return h.last().at4(absent) }

// Absent6 is an IPv6 address in the host's subnet that nobody has.
func (h *Host) Absent6() netip.Addr { return h.last().at6(absent) }

// Prober4 is the prober's IPv4 address on its link towards the host.
func (h *Host) Prober4() netip.Addr { return h.links[0].at4(nearEnd) }

// Prober6 is the prober's IPv6 address on its link towards the host.
func (h *Host) Prober6() netip.Addr { return h.links[0].at6(nearEnd) }

// Source4 is the nth (from 0) of the prober's further IPv4 addresses, see
// [HostSpec.Sources].
func (h *Host) Source4(n int) netip.Addr { return h.links[0].at4(sources + byte(n)) }

// Source6 is Source4 for IPv6.
func (h *Host) Source6(n int) netip.Addr { return h.links[0].at6(sources + byte(n)) }

// Interface is the name of the prober's interface towards the host.
func (h *Host) Interface() string { return h.near.Attrs().Name }

// AcceptRedirects has the other end of the prober's link take the frames that an XDP
// program redirects to it: see the function [AcceptRedirects]. Segments that follow
// one another may then cross an imperfect link as one packet.
func (h *Host) AcceptRedirects() error {
	ns := h.stations[0]
	if h.wire != nil {
		ns = h.wire.ns
	}
	return ns.do(func() error { return AcceptRedirects(towardsProber) })
}

// Hops counts the routers between the prober and the host: how much lower the
// TTL of its packets is on arrival than when they left.
func (h *Host) Hops() int { return len(h.stations) - 1 }

// Router4 is the address from which the nth router (from 0) sends ICMP errors to
// the prober.
func (h *Host) Router4(n int) netip.Addr { return h.links[n].at4(farEnd) }

// Router6 is Router4 for ICMPv6.
func (h *Host) Router6(n int) netip.Addr { return h.links[n].at6(farEnd) }

// Wire is the imperfect link of [HostSpec.Link], or nil.
func (h *Host) Wire() *Wire { return h.wire }

// Do runs f on the calling goroutine, whose thread is inside the host's
// namespace meanwhile: sockets that f opens belong to the host. Goroutines that
// f starts do not.
func (h *Host) Do(f func() error) error { return h.ns.do(f) }

// DoRouter is Do inside the nth router (from 0).
func (h *Host) DoRouter(n int, f func() error) error { return h.stations[n].do(f) }

// Listen is [net.Listen] in the host's namespace, with a numeric address. The
// caller closes the listener.
func (h *Host) Listen(network, address string) (ln net.Listener, err error) {
	err = h.Do(func() error {
		ln, err = (&net.ListenConfig{}).Listen(context.Background(), network, address)
		return err
	})
	return ln, err
}

// Serve starts one more service, which ends with the lab.
func (h *Host) Serve(s Service) error { return h.servers.start(h.ns, s) }

func (h *Host) close(prober *namespace) error {
	h.servers.close()
	var errs []error
	if h.wire != nil {
		errs = append(errs, h.wire.close())
	}
	if h.near != nil {
		if err := prober.nl.LinkDel(h.near); !errors.Is(err, unix.ENODEV) { // gone with the namespace of its other end
			errs = append(errs, err)
		}
	}
	for _, s := range h.stations {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}
