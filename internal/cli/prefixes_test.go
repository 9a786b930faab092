package cli

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// What is left of a prefix has each of its addresses once, but for the span's,
// tried address by address.
func TestWithout(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		base := netip.AddrFrom4([4]byte{10, 1, 2, byte(rng.IntN(256))})
		p := netip.PrefixFrom(base, 24+rng.IntN(9)).Masked()
		a, b := byte(rng.IntN(256)), byte(rng.IntN(256))
		s := span{netip.AddrFrom4([4]byte{10, 1, 2, min(a, b)}), netip.AddrFrom4([4]byte{10, 1, 2, max(a, b)})}
		left := without(p, s)
		for n := range 256 {
			address := netip.AddrFrom4([4]byte{10, 1, 2, byte(n)})
			held := 0
			for _, q := range left {
				if q.Contains(address) {
					held++
				}
			}
			want := 0
			if p.Contains(address) && (address.Less(s.first) || s.last.Less(address)) {
				want = 1
			}
			if held != want {
				t.Fatalf("%v less %v: %v holds %v %d times, want %d", p, s, left, address, held, want)
			}
		}
	}
}

// A span of the other family takes nothing, and one address leaves a prefix of
// each length.
func TestWithoutFamilies(t *testing.T) {
	six := netip.MustParsePrefix("2001:db8::/32")
	four := netip.MustParseAddr("192.0.2.1")
	if got := without(six, span{four, four}); len(got) != 1 || got[0] != six {
		t.Errorf("%v", got)
	}
	one := netip.MustParseAddr("2001:db8::5")
	if got := without(six, span{one, one}); len(got) != 96 {
		t.Errorf("%d prefixes, want 96", len(got))
	}
}
