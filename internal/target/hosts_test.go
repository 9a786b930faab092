package target

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// TestNarrowAgainstOracle: what is left of a set at some addresses is what a
// walk over all pairs finds there, whatever words, ports and holes it has.
func TestNarrowAgainstOracle(t *testing.T) {
	all := universe()
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var words []string
		for range 1 + rng.IntN(5) {
			text, _ := randomWord(rng)
			words = append(words, text)
		}
		words = append(words, "192.0.1.7:9", "fe80::1%eth0", "fe80::1%eth1")
		full, err := Parse(t.Context(), words, Options{Ports: PortsOf(1, 2, 3)})
		if err != nil {
			t.Fatal(err)
		}
		chosen, kept := map[netip.Addr]bool{}, []netip.Addr{netip.MustParseAddr("fe80::1%eth1"), netip.MustParseAddr("192.0.1.7")}
		for range rng.IntN(600) {
			kept = append(kept, all[rng.IntN(len(all))])
		}
		for _, a := range kept {
			chosen[a] = true
		}
		var want []netip.AddrPort
		var hosts []netip.Addr
		for pair := range full.Ordered() {
			if !slices.Contains(hosts[max(0, len(hosts)-1):], pair.Addr()) {
				hosts = append(hosts, pair.Addr())
			}
			if chosen[pair.Addr()] {
				want = append(want, pair)
			}
		}
		if got := slices.Collect(full.Hosts()); !slices.Equal(got, hosts) || full.Addresses() != uint64(len(hosts)) {
			t.Fatalf("seed %d: %d hosts, want %d", seed, len(got), len(hosts))
		}
		narrow := full.Narrow(kept)
		if got := slices.Collect(narrow.Ordered()); !slices.Equal(got, want) || narrow.Count() != uint64(len(want)) {
			t.Fatalf("seed %d: %d pairs, count %d, want %d", seed, len(got), narrow.Count(), len(want))
		}
		checkReading(t, full, narrow, want)
	}
}

// checkReading holds the other ways to read a narrowed set against its pairs and
// the set that it comes from.
func checkReading(t *testing.T, full, narrow *Set, want []netip.AddrPort) {
	t.Helper()
	shuffled := slices.Collect(narrow.All(7))
	slices.SortFunc(shuffled, func(a, b netip.AddrPort) int { return slices.Index(want, a) - slices.Index(want, b) })
	if !slices.Equal(shuffled, want) {
		t.Errorf("the shuffle has %d pairs, want %d", len(shuffled), len(want))
	}
	for i, pair := range want {
		if n, ok := narrow.Index(pair); !ok || n != uint64(i) || narrow.Word(pair) != full.Word(pair) {
			t.Fatalf("%v is number %d (%t) of %q, want %d of %q", pair, n, ok, narrow.Word(pair), i, full.Word(pair))
		}
		if !slices.Contains(slices.Collect(full.Pairs(pair.Addr())), pair) {
			t.Fatalf("%v is not among the pairs of its address", pair)
		}
	}
}

func TestNarrowToNothing(t *testing.T) {
	full, err := Parse(t.Context(), []string{"192.0.2.0/24"}, Options{Ports: PortsOf(80)})
	if err != nil {
		t.Fatal(err)
	}
	none := full.Narrow([]netip.Addr{netip.MustParseAddr("203.0.113.1")})
	if none.Count() != 0 || none.Addresses() != 0 || none.ShardCount(0, 1) != 0 || len(slices.Collect(none.All(1))) != 0 {
		t.Errorf("%d pairs", none.Count())
	}
	if n := len(slices.Collect(full.Pairs(netip.MustParseAddr("203.0.113.1")))); n != 0 {
		t.Errorf("%d pairs of a stranger", n)
	}
}
