package target

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// Reserved ranges against every address asked for one by one.
func TestReservedAgainstEachAddress(t *testing.T) {
	reserved := []netip.Prefix{netip.MustParsePrefix("10.0.0.64/27"), netip.MustParsePrefix("10.0.0.96/28"),
		netip.MustParsePrefix("10.0.1.0/25"), netip.MustParsePrefix("fd00::40/122")}
	in := func(a netip.Addr) bool {
		return slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a.WithZone("")) })
	}
	chance := rand.New(rand.NewPCG(7, 7))
	for round := range 300 {
		var words []string
		wide := map[netip.Addr]bool{} // claimed by a word that lies not wholly in reserved ranges
		narrow := map[netip.Addr]bool{}
		for range 1 + chance.IntN(6) {
			first, n := netip.AddrFrom4([4]byte{10, 0, byte(chance.IntN(2)), byte(chance.IntN(200))}), 1+chance.IntN(40)
			if chance.IntN(4) == 0 {
				first = netip.AddrFrom16([16]byte{0: 0xfd, 15: byte(chance.IntN(200))})
				if chance.IntN(2) == 0 {
					first = first.WithZone("eth7")
				}
			}
			var all []netip.Addr
			inside := true
			for a := first; len(all) < n; a = a.Next() {
				all = append(all, a)
				inside = inside && in(a)
			}
			for _, a := range all {
				if inside {
					narrow[a] = true
				} else {
					wide[a] = true
				}
			}
			words = append(words, fmt.Sprintf("%v-%v", all[0], all[n-1]))
		}
		set, err := Parse(t.Context(), words, Options{Ports: PortsOf(80), Reserved: reserved})
		if err != nil {
			t.Fatal(round, words, err)
		}
		want, left, outside := 0, 0, 0
		union := map[netip.Addr]bool{}
		for a := range wide {
			union[a] = true
		}
		for a := range narrow {
			union[a] = true
		}
		for a := range union {
			if _, probed := set.Index(netip.AddrPortFrom(a, 80)); probed != (!in(a) || narrow[a]) {
				t.Fatalf("round %d, %v: %v probed is %v", round, words, a, probed)
			}
			switch {
			case !in(a):
				want, outside = want+1, outside+1
			case narrow[a]:
				want++
			default:
				left++
			}
		}
		if set.Addresses() != uint64(want) || set.LeftOut() != uint64(left) || set.Unreserved() != uint64(outside) {
			t.Fatalf("round %d, %v: %d addresses, %d left out, %d outside; want %d, %d, %d", round, words,
				set.Addresses(), set.LeftOut(), set.Unreserved(), want, left, outside)
		}
	}
}

// A small set keeps what is reserved.
func TestReserveAbove(t *testing.T) {
	opts := Options{Ports: PortsOf(80), Reserved: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/25")}, ReserveAbove: 256}
	for word, want := range map[string]uint64{"10.0.0.0/24": 256, "10.0.0.0/23": 384} {
		set, err := Parse(t.Context(), []string{word}, opts)
		if err != nil || set.Addresses() != want || set.LeftOut() != map[uint64]uint64{256: 0, 384: 128}[want] {
			t.Errorf("%s: %d addresses, %d left out, %v", word, set.Addresses(), set.LeftOut(), err)
		}
	}
}

// A long list hears that it is not wanted any more.
func TestListHearsCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Parse(ctx, nil, Options{Lists: []string{"-"}, Stdin: strings.NewReader("10.0.0.1\n10.0.0.2\n")})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// BenchmarkParseList reads a list of single addresses, as long as b.N: -benchtime 1000000x.
func BenchmarkParseList(b *testing.B) {
	text := plainList(b.N)
	b.ReportAllocs()
	b.ResetTimer()
	if _, err := Parse(b.Context(), nil, Options{Lists: []string{"-"}, Stdin: strings.NewReader(text), Ports: PortsOf(80)}); err != nil {
		b.Fatal(err)
	}
}
