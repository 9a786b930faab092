package netraw

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"synscope/internal/lab"
)

// Addresses that come and go while a run begins are no reason to say that a source address cannot be
// used, or to take a list for whole that is not (NLM_F_DUMP_INTR).
func TestListsThatChangeMeanwhile(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	link, err := netlink.LinkByName("lo")
	must(err)
	enter := func(h *netlink.Handle, a netip.Addr, add bool) {
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(32, 32)}}
		if add {
			must(h.AddrAdd(link, addr))
		} else {
			must(h.AddrDel(link, addr))
		}
	}
	handle, err := netlink.NewHandle()
	must(err)
	defer handle.Close()
	first := netip.MustParseAddr("10.9.0.1")
	for a := range 600 {
		enter(handle, netip.AddrFrom4([4]byte{10, 9, byte(1 + a/200), byte(a%200 + 1)}), true)
	}
	enter(handle, first, true)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for add := true; ; add = !add {
			enter(handle, first.Next(), add)
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	var r router
	must(r.open(Config{}))
	defer r.close()
	r.source = first
	interrupted := 0
	for range 100 {
		if r.checkSource("") != nil {
			interrupted++
		}
	}
	close(stop)
	<-stopped
	if interrupted > 0 {
		t.Errorf("the source address could not be looked up %d times of 100", interrupted)
	}
}
