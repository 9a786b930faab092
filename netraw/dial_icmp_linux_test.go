package netraw

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"synscope/craft"
)

// A connect that an ICMP error ended is told from one that an RST refused, with type, code and sender.
func TestDialTellsICMPErrors(t *testing.T) {
	p := newPeer(t)
	p.filter(t, append(flagsAre(craft.SYN, 81), &expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_PORT_UNREACH})...)
	for addr, want := range map[netip.Addr]ICMPError{peer4: {3, 3, peer4}, peer6: {1, 4, peer6}} {
		h, err := Dialer{}.Dial(t.Context(), netip.AddrPortFrom(addr, 81))
		if !errors.Is(err, unix.ECONNREFUSED) || h.ICMP == nil || *h.ICMP != want {
			t.Errorf("%v: %+v, %v; want %+v", addr, h.ICMP, err, want)
		}
		if h, err := (Dialer{}).Dial(t.Context(), netip.AddrPortFrom(addr, 82)); !errors.Is(err, unix.ECONNREFUSED) || h.ICMP != nil {
			t.Errorf("%v, RST: %+v, %v", addr, h.ICMP, err)
		}
	}
}
