package netraw

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// mostAddresses bounds the sockets that one port takes.
	mostAddresses = 256
	// mostTries bounds the search for a free port.
	mostTries = 4096

	firstUnprivileged = 1024 // net.ipv4.ip_unprivileged_port_start, by default
)

// addTwin holds the port that differs from the last one in its parity alone, if
// nobody has it. Of its own the kernel gives odd ports to those that bind, as long
// as there are some (inet_csk_find_open_port in net/ipv4/inet_connection_sock.c),
// and what hashes on the lowest bit would never be seen.
func (h *held) addTwin(reserved func() map[uint16]bool) bool {
	twin := h.ports[len(h.ports)-1] ^ 1
	return twin >= firstUnprivileged && !reserved()[twin] && h.add(twin) == nil
}

// addBeyond holds a port that the kernel would not have chosen, when it has no
// more to choose. Which are free only binding tells; those of
// net.ipv4.ip_local_reserved_ports are left to whom they are reserved for.
func (h *held) addBeyond(inUse error) error {
	reserved := reservedPorts()
	const span = 1<<16 - firstUnprivileged
	start, tries := rand.IntN(span), 0
	for i := 0; i < span && tries < mostTries; i++ {
		port := uint16(firstUnprivileged + (start+i)%span)
		if reserved[port] {
			continue
		}
		tries++
		if err := h.add(port); !errors.Is(err, unix.EADDRINUSE) {
			return err
		}
	}
	return inUse
}

// reservedPorts reads a list such as "8080,9148-9150".
func reservedPorts() map[uint16]bool {
	text, _ := os.ReadFile("/proc/sys/net/ipv4/ip_local_reserved_ports")
	ports := make(map[uint16]bool)
	for item := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		from, to, isRange := strings.Cut(item, "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, 16)
		last, err2 := strconv.ParseUint(to, 10, 16)
		if err1 != nil || err2 != nil {
			continue
		}
		for p := first; p <= last; p++ {
			ports[uint16(p)] = true
		}
	}
	return ports
}

// addEach holds a port at each address of this machine at which it is free, or
// at one.
func (h *held) addEach(port uint16, source netip.Addr, inUse error) error {
	addrs, err := ownAddresses()
	if err != nil {
		return err
	}
	h.at = make(map[netip.Addr]bool)
	for _, a := range addrs {
		if source.IsValid() && a.WithZone("") != source.WithZone("") || len(h.at) == mostAddresses {
			continue
		}
		switch err := h.addAt(netip.AddrPortFrom(a, port)); {
		case err == nil:
			h.at[a.WithZone("")] = true
		case !errors.Is(err, unix.EADDRINUSE) && !errors.Is(err, unix.EADDRNOTAVAIL):
			return err
		}
	}
	if len(h.at) == 0 {
		return inUse
	}
	h.ports = append(h.ports, port)
	return nil
}

func (h *held) addAt(at netip.AddrPort) error {
	family, addr := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(at.Port())})
	if at.Addr().Is4() {
		addr.(*unix.SockaddrInet4).Addr = at.Addr().As4()
	} else {
		index, _ := strconv.Atoi(at.Addr().Zone())
		family, addr = unix.AF_INET6, &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16(), ZoneId: uint32(index)}
	}
	fd, err := bindTCP(family, addr, 1)
	if err != nil {
		return err
	}
	return h.keep(fd)
}

// ownAddresses are those of all interfaces; the zone of a link-local one is the
// interface's number.
func ownAddresses() (list []netip.Addr, err error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			addr := prefix.Addr().Unmap()
			if addr.Is6() && addr.IsLinkLocalUnicast() {
				addr = addr.WithZone(strconv.Itoa(i.Index))
			}
			list = append(list, addr)
		}
	}
	return list, nil
}

func (h *held) holds(addr netip.Addr) bool {
	return h.at == nil || h.at[addr.Unmap().WithZone("")]
}

// checked refuses a route from an address at which another program has the
// source port: what comes back would be for that program, and a stranger to it.
func (h *held) checked(dst netip.Addr, route Route, err error) (Route, error) {
	if err == nil && !h.holds(route.Source) {
		return Route{}, fmt.Errorf("netraw: route to %v: port %v at %v: %w", dst, h.ports, route.Source, ErrPortInUse)
	}
	return route, err
}
