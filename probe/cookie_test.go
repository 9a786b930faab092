package probe

import (
	"net/netip"
	"testing"
)

func TestCookieDependsOnEveryInput(t *testing.T) {
	src, dst := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:80")
	c := newCookie([16]byte{1})
	base := c.numbers(src, dst, 0)
	if base != c.numbers(src, dst, 0) {
		t.Fatal("not a function of its inputs")
	}
	for name, other := range map[string]numbers{
		"key":         newCookie([16]byte{2}).numbers(src, dst, 0),
		"source":      c.numbers(netip.MustParseAddrPort("192.0.2.3:40000"), dst, 0),
		"source port": c.numbers(netip.MustParseAddrPort("192.0.2.1:40001"), dst, 0),
		"target":      c.numbers(src, netip.MustParseAddrPort("192.0.2.4:80"), 0),
		"target port": c.numbers(src, netip.MustParseAddrPort("192.0.2.2:81"), 0),
		"attempt":     c.numbers(src, dst, 1),
		"direction":   c.numbers(dst, src, 0),
	} {
		if other.seq == base.seq || other.ack == base.ack {
			t.Errorf("the %s does not matter: %v and %v", name, base, other)
		}
	}
}

// A zone names an interface of ours and is not on the wire, so a reply cannot
// repeat it.
func TestCookieIgnoresZones(t *testing.T) {
	c := newCookie([16]byte{1})
	src := netip.MustParseAddrPort("[fe80::1]:40000")
	with, without := netip.MustParseAddrPort("[fe80::2%eth0]:80"), netip.MustParseAddrPort("[fe80::2]:80")
	if c.numbers(src, with, 0) != c.numbers(src, without, 0) {
		t.Error("the zone changes the numbers")
	}
}
