package wide_test

import (
	"iter"
	"net/netip"
	"testing"

	"synscope/probe/wide"
)

func hostsIn(prefixes ...string) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for _, p := range prefixes {
			prefix := netip.MustParsePrefix(p)
			for a := prefix.Addr(); prefix.Contains(a); a = a.Next() {
				if !yield(a) {
					return
				}
			}
		}
	}
}

func TestRouterRate(t *testing.T) {
	behind := func(netip.Addr) bool { return true }
	for _, row := range []struct {
		name   string
		hosts  iter.Seq[netip.Addr]
		routed func(netip.Addr) bool
		want   float64
	}{
		{"a /24 fits", hostsIn("10.0.0.0/24"), behind, 0},
		{"a /22", hostsIn("10.0.0.0/22"), behind, 160},
		{"a /16 is sixteen networks", hostsIn("10.0.0.0/16"), behind, 16 * 160},
		{"one full network among small ones", hostsIn("10.0.0.0/22", "10.1.0.0/24", "10.2.0.0/24"), behind, 160 * 1.5},
		{"on the link", hostsIn("10.0.0.0/22"), func(netip.Addr) bool { return false }, 0},
		{"an IPv6 /117", hostsIn("2001:db8::/117"), behind, 160},
		{"nobody", hostsIn(), behind, 0},
	} {
		if got := wide.RouterRate(row.hosts, row.routed); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}
