package netraw

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// The kernel's own lack of a way is told from what others say of the way.
func TestDialWithoutARoute(t *testing.T) {
	if !lab.Apart(t) { // package net remembers for a minute which index here0 had
		return
	}
	p := newPeer(t)
	for i, kind := range []int{unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_BLACKHOLE, unix.RTN_THROW} {
		prefix := "10." + string(rune('1'+i)) + ".0.0/16"
		r := netlink.Route{Dst: ipNet(prefix), Type: kind}
		must(netlink.RouteAdd(&r))
		t.Cleanup(func() { must(netlink.RouteDel(&r)) })
	}
	speedUpNeighbours(t, p.here)
	for _, tc := range []struct {
		dialer Dialer
		dst    string
		want   error // beside the kernel's
		other  error // the kernel's
	}{
		{Dialer{}, "10.1.0.1:80", ErrNoRoute, unix.EHOSTUNREACH},
		{Dialer{}, "10.2.0.1:80", ErrNoRoute, unix.EACCES},
		{Dialer{}, "10.3.0.1:80", ErrNoRoute, unix.EINVAL},
		{Dialer{}, "10.4.0.1:80", ErrNoRoute, unix.ENETUNREACH},
		{Dialer{}, "198.51.100.1:80", ErrNoRoute, unix.ENETUNREACH},
		{Dialer{}, "[2001:db8:77::1]:80", ErrNoRoute, unix.ENETUNREACH},
		{Dialer{}, "[fe80::2]:80", ErrNoInterface, nil},
		{Dialer{Interface: "nosuch0"}, "192.0.2.2:9", ErrNoInterface, nil},
		{Dialer{}, "192.0.2.2:9", nil, unix.ECONNREFUSED},
		{Dialer{}, "192.0.2.78:80", nil, unix.EHOSTUNREACH}, // nobody has the address
		{Dialer{Interface: p.here}, netip.AddrPortFrom(p.thereLL.WithZone(""), 9).String(), nil, unix.ECONNREFUSED},
		{Dialer{}, netip.AddrPortFrom(p.thereLL.WithZone(p.here), 9).String(), nil, unix.ECONNREFUSED},
	} {
		_, err := tc.dialer.Dial(t.Context(), netip.MustParseAddrPort(tc.dst))
		for _, known := range []error{ErrNoRoute, ErrNoInterface} {
			if errors.Is(err, known) != (known == tc.want) {
				t.Errorf("%s: %v; want %v", tc.dst, err, tc.want)
			}
		}
		if tc.other != nil && !errors.Is(err, tc.other) {
			t.Errorf("%s: %v; want %v", tc.dst, err, tc.other)
		}
	}
}

// A way that was gone when connect(2) asked for it, and is there again when the reason is looked
// for, was this machine's: no router can have said so of a SYN that did not leave.
func TestDialWhileTheWayComesBack(t *testing.T) {
	dst := netip.MustParseAddrPort("127.0.0.1:9")
	for _, errno := range []unix.Errno{unix.ENETUNREACH, unix.EHOSTUNREACH} {
		for _, sentNothing := range []bool{true, false} {
			if err := (Dialer{}).explain(dialError(dst, errno), dst, sentNothing); errors.Is(err, ErrNoRoute) != sentNothing || !errors.Is(err, errno) {
				t.Errorf("%v, nothing sent %v: %v", errno, sentNothing, err)
			}
		}
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	must(err)
	w := witness{fd: fd}
	defer w.close()
	if !w.sentNothing() {
		t.Error("a new socket has sent something")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(err)
	defer l.Close()
	must(unix.Connect(fd, &unix.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}))
	if w.sentNothing() {
		t.Error("a SYN that was answered has not left")
	}
}
