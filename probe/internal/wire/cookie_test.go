package wire

import (
	"net/netip"
	"testing"
)

func TestCookieDependsOnEveryInput(t *testing.T) {
	src, dst := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:80")
	c := NewCookie([16]byte{1})
	base := c.Numbers(src, dst, 0)
	if base != c.Numbers(src, dst, 0) {
		t.Fatal("not a function of its inputs")
	}
	for name, other := range map[string]Numbers{
		"key":         NewCookie([16]byte{2}).Numbers(src, dst, 0),
		"source":      c.Numbers(netip.MustParseAddrPort("192.0.2.3:40000"), dst, 0),
		"source port": c.Numbers(netip.MustParseAddrPort("192.0.2.1:40001"), dst, 0),
		"target":      c.Numbers(src, netip.MustParseAddrPort("192.0.2.4:80"), 0),
		"target port": c.Numbers(src, netip.MustParseAddrPort("192.0.2.2:81"), 0),
		"attempt":     c.Numbers(src, dst, 1),
		"direction":   c.Numbers(dst, src, 0),
	} {
		if other.Seq == base.Seq || other.Ack == base.Ack {
			t.Errorf("the %s does not matter: %v and %v", name, base, other)
		}
	}
}

// A zone names an interface of ours and is not on the wire, so a reply cannot
// repeat it.
func TestCookieIgnoresZones(t *testing.T) {
	c := NewCookie([16]byte{1})
	src := netip.MustParseAddrPort("[fe80::1]:40000")
	with, without := netip.MustParseAddrPort("[fe80::2%eth0]:80"), netip.MustParseAddrPort("[fe80::2]:80")
	if c.Numbers(src, with, 0) != c.Numbers(src, without, 0) {
		t.Error("the zone changes the numbers")
	}
}
