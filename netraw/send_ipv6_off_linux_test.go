package netraw

import (
	"errors"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Where IPv6 is switched off on the way, sendmsg(2) says EINVAL as it does where the
// neighbour table is full; that there is no route any more is told.
func TestSendWhileIPv6IsOff(t *testing.T) {
	p := newPeer(t)
	p.known(peer6)
	c := open(t, nil)
	from, to := netip.AddrPortFrom(our6, c.Ports()[0]), netip.AddrPortFrom(peer6, 9)
	packets := [][]byte{segment(from, to, flagRST, 1, 0)}
	if n, err := c.Send(packets); n != 1 {
		t.Fatal(err)
	}
	must(os.WriteFile("/proc/sys/net/ipv6/conf/"+p.here+"/disable_ipv6", []byte("1"), 0))
	if n, err := c.Send(packets); n != 0 || !errors.Is(err, ErrNoRoute) {
		t.Errorf("%d sent, %v", n, err)
	}
	if c.SendEach(packets, nil, func(_ int, err error) {
		if !errors.Is(err, ErrNoRoute) || errors.Is(err, unix.EAGAIN) {
			t.Errorf("one by one: %v", err)
		}
	}) != 0 {
		t.Error("sent one by one")
	}
}
