package target

import (
	"net/netip"
	"slices"
	"testing"
)

// Every pair comes once, and the commonly served ports of all hosts come before any
// other port.
func TestForemost(t *testing.T) {
	set, err := Parse(t.Context(), []string{"10.0.0.0/26", "2001:db8::7", "10.1.0.1:22"}, Options{Ports: mustPorts(t, "1-1000")})
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Collect(set.Foremost(7))
	served := len(got) - len(slices.DeleteFunc(slices.Clone(got), commonlyServed))
	if served == 0 || served == len(got) {
		t.Fatalf("%d of %d pairs are of commonly served ports", served, len(got))
	}
	for i, pair := range got {
		if commonlyServed(pair) != (i < served) {
			t.Fatalf("%v comes at place %d of %d", pair, i, len(got))
		}
	}
	all := slices.Collect(set.All(7))
	slices.SortFunc(got, netip.AddrPort.Compare)
	slices.SortFunc(all, netip.AddrPort.Compare)
	if !slices.Equal(got, all) {
		t.Errorf("%d pairs are not the %d of the set", len(got), len(all))
	}
}

func commonlyServed(pair netip.AddrPort) bool {
	return slices.Contains([]uint16{443, 80, 22, 53, 25, 8080, 3389, 8443, 21, 445, 3306, 587, 993, 143, 110, 995, 465, 139,
		135, 23, 5432, 111, 5900, 8000}, pair.Port())
}

// A walk that ends early ends for good.
func TestForemostEndsEarly(t *testing.T) {
	set, err := Parse(t.Context(), []string{"10.0.0.1"}, Options{Ports: mustPorts(t, "80,443,7001")})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range set.Foremost(1) {
		if n++; n == 1 {
			break
		}
	}
	if n != 1 {
		t.Errorf("%d pairs after the end", n)
	}
}

func mustPorts(t *testing.T, words string) Ports {
	t.Helper()
	p, err := ParsePorts(words)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
