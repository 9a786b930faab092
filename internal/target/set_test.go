package target

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// randomWord returns a word within 192.0.0.0/22 or 2001:db8::/118 and everything
// it covers, found by trying each address: the oracle knows nothing of ranges.
func randomWord(rng *rand.Rand) (string, func(netip.Addr) bool) {
	three, a := rng.IntN(4), rng.IntN(256)
	b := a + rng.IntN(256-a)
	switch rng.IntN(4) {
	case 0:
		return fmt.Sprintf("192.0.%d.%d-%d", three, a, b), func(x netip.Addr) bool {
			return x.Is4() && int(x.As4()[2]) == three && a <= int(x.As4()[3]) && int(x.As4()[3]) <= b
		}
	case 1:
		return fmt.Sprintf("192.0.%d-3.%d,%d", three, b, a), func(x netip.Addr) bool {
			return x.Is4() && int(x.As4()[2]) >= three && (int(x.As4()[3]) == a || int(x.As4()[3]) == b)
		}
	case 2:
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, byte(three), byte(a)}), 22+rng.IntN(11))
		return p.String(), p.Contains
	default:
		p := netip.PrefixFrom(netip.MustParseAddr(fmt.Sprintf("2001:db8::%x:%x", 0, three*256+a)), 118+rng.IntN(11))
		return p.String(), p.Contains
	}
}

// universe is every address a random word may cover.
func universe() []netip.Addr {
	var all []netip.Addr
	for _, p := range []string{"192.0.0.0/22", "2001:db8::/118"} {
		prefix := netip.MustParsePrefix(p)
		for a := prefix.Addr(); prefix.Contains(a); a = a.Next() {
			all = append(all, a)
		}
	}
	return all
}

// TestSetAgainstOracle builds sets of random words, ports and exclusions, and
// compares every way to read them with a map of pairs.
func TestSetAgainstOracle(t *testing.T) {
	all := universe()
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		want := map[netip.AddrPort]bool{}
		opts := Options{Ports: PortsOf(1, 2, 3)}
		var words []string
		for range 1 + rng.IntN(6) {
			text, covers := randomWord(rng)
			ports := []uint16{1, 2, 3}
			if rng.IntN(3) == 0 {
				own := uint16(2 + rng.IntN(3))
				text, ports = fmt.Sprintf("%s:%d", bracket(text), own), []uint16{own}
			}
			words = append(words, text)
			mark(want, all, covers, ports, true)
		}
		for range rng.IntN(4) {
			text, covers := randomWord(rng)
			ports := []uint16{1, 2, 3, 4}
			if rng.IntN(3) == 0 {
				text, ports = bracket(text)+":2", []uint16{2}
			}
			opts.Exclude = append(opts.Exclude, text)
			mark(want, all, covers, ports, false)
		}
		s, err := Parse(t.Context(), words, opts)
		if err != nil && len(want) > 0 {
			t.Fatalf("seed %d: %v", seed, err)
		}
		t.Logf("seed %d: %q without %q: %d pairs", seed, words, opts.Exclude, len(want))
		checkSet(t, s, want)
	}
}

func bracket(text string) string {
	if strings.Contains(text, ":") {
		return "[" + text + "]"
	}
	return text
}

func mark(pairs map[netip.AddrPort]bool, all []netip.Addr, covers func(netip.Addr) bool, ports []uint16, in bool) {
	for _, a := range all {
		for _, port := range ports {
			if pair := netip.AddrPortFrom(a, port); covers(a) && in {
				pairs[pair] = true
			} else if covers(a) {
				delete(pairs, pair)
			}
		}
	}
}

func checkSet(t *testing.T, s *Set, want map[netip.AddrPort]bool) {
	t.Helper()
	sorted := slices.SortedFunc(maps.Keys(want), netip.AddrPort.Compare)
	if got := slices.Collect(s.Ordered()); !slices.Equal(got, sorted) || s.Count() != uint64(len(want)) {
		t.Fatalf("ordered: %d pairs, count %d, want %d", len(got), s.Count(), len(want))
	}
	shuffled := slices.Collect(s.All(9))
	order := s.Order(9)
	for i, pair := range shuffled {
		if at, ok := order.Index(pair); !ok || at != uint64(i) {
			t.Fatalf("position of %v is %d %v, want %d", pair, at, ok, i)
		}
	}
	slices.SortFunc(shuffled, netip.AddrPort.Compare)
	if !slices.Equal(shuffled, sorted) {
		t.Fatal("All differs from Ordered")
	}
	for i, pair := range sorted {
		if at, ok := s.Index(pair); !ok || at != uint64(i) || s.At(at) != pair {
			t.Fatalf("number of %v is %d %v, want %d", pair, at, ok, i)
		}
	}
	addrs := map[netip.Addr]bool{}
	for pair := range want {
		addrs[pair.Addr()] = true
	}
	if s.Addresses() != uint64(len(addrs)) {
		t.Fatalf("%d addresses, want %d", s.Addresses(), len(addrs))
	}
	for _, a := range universe() {
		for port := range uint16(6) {
			if _, ok := s.Index(netip.AddrPortFrom(a, port)); ok != want[netip.AddrPortFrom(a, port)] {
				t.Fatalf("%v port %d: in the set is %v", a, port, ok)
			}
		}
	}
}

// Fill gives what At gives, up to the end of the largest set.
func TestFill(t *testing.T) {
	for _, words := range [][]string{{"192.0.2.0/24", "2001:db8::/121"}, {"0.0.0.0/0"}, {"2001:db8::/65"}} {
		s := parse(t, words, Options{Ports: PortsOf(80, 443)})
		order := s.Order(9)
		for _, step := range []uint64{1, 7} {
			into := make([]netip.AddrPort, 70)
			first := s.Count() - 1 - 69*step
			order.Fill(first, step, into)
			for k, got := range into {
				if want := order.At(first + uint64(k)*step); got != want {
					t.Fatalf("%v: position %d is %v, want %v", words, first+uint64(k)*step, got, want)
				}
			}
		}
	}
}

func TestShards(t *testing.T) {
	s := parse(t, []string{"192.0.2.0/26", "2001:db8::/124"}, Options{Ports: PortsOf(1, 2, 3)})
	whole := slices.Collect(s.All(5))
	for _, count := range []uint64{1, 2, 3, 7, 240, 241, 1000} {
		got := make([]netip.AddrPort, len(whole))
		for index := range count {
			shard := slices.Collect(s.Shard(5, index, count))
			if uint64(len(shard)) != s.ShardCount(index, count) {
				t.Fatalf("shard %d of %d has %d pairs, not %d", index, count, len(shard), s.ShardCount(index, count))
			}
			for k, pair := range shard {
				got[index+uint64(k)*count] = pair
			}
			for done := range uint64(len(shard) + 2) {
				if rest := slices.Collect(s.Resume(5, index, count, done)); !slices.Equal(rest, shard[min(int(done), len(shard)):]) {
					t.Fatalf("shard %d of %d resumed after %d has %d pairs", index, count, done, len(rest))
				}
			}
		}
		if !slices.Equal(got, whole) {
			t.Fatalf("%d shards do not add up", count)
		}
	}
	if slices.Equal(whole, slices.Collect(s.All(6))) {
		t.Error("two seeds, one order")
	}
}

func TestParseShard(t *testing.T) {
	if i, n, err := ParseShard("2/4"); i != 1 || n != 4 || err != nil {
		t.Error(i, n, err)
	}
	for _, text := range []string{"", "1", "0/4", "5/4", "1/0", "/", "a/b", "-1/4", "1/4/4", "1/99999999999"} {
		want := fmt.Sprintf("shard %q: a shard is I/N with I from 1 to N, such as 1/4", text)
		if _, _, err := ParseShard(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestHuge reads the ends of sets nobody could walk.
func TestHuge(t *testing.T) {
	for _, tt := range []struct {
		word, ports string
		count       uint64
		last        string
	}{
		{"0.0.0.0/0", "0-65535", 1 << 48, "255.255.255.255:65535"},
		{"2001:db8::/64", "443", math.MaxUint64, "[2001:db8::ffff:ffff:ffff:ffff]:443"},
		{"2001:db8::/80", "0-65535", math.MaxUint64, "[2001:db8::ffff:ffff:ffff]:65535"},
		{"2001:db8::/65", "443", 1 << 63, "[2001:db8::7fff:ffff:ffff:ffff]:443"},
	} {
		ports, err := ParsePorts(tt.ports)
		if err != nil {
			t.Fatal(err)
		}
		s := parse(t, []string{tt.word}, Options{Ports: ports})
		last := netip.MustParseAddrPort(tt.last)
		i, ok := s.Index(last)
		if s.Count() != tt.count || !ok || s.At(i) != last || i != s.last {
			t.Errorf("%s: count %d, last %v is number %d", tt.word, s.Count(), s.At(i), i)
		}
		order := s.Order(4)
		if at, ok := order.Index(order.At(12345)); !ok || at != 12345 {
			t.Errorf("%s: position 12345 comes back as %d", tt.word, at)
		}
		n := 0
		for pair := range s.Shard(4, 1, 1<<20) {
			if want := order.At(1 + uint64(n)<<20); pair != want {
				t.Fatalf("%s: pair %d of the shard is %v, not %v", tt.word, n, pair, want)
			}
			if n++; n == 100 {
				break
			}
		}
	}
}

func TestWalkAllocatesNothing(t *testing.T) {
	s := parse(t, []string{"0.0.0.0/0", "2001:db8::/96"}, Options{Exclude: []string{"10.0.0.0/8"}})
	order := s.Order(1)
	var i uint64
	if n := testing.AllocsPerRun(1000, func() { order.At(i); i++ }); n != 0 {
		t.Errorf("%v allocations per pair", n)
	}
	a := netip.MustParseAddr("192.0.2.7")
	if n := testing.AllocsPerRun(1000, func() { s.Name(a) }); n != 0 {
		t.Errorf("%v allocations per name", n)
	}
}

func TestName(t *testing.T) {
	s := parse(t, []string{"192.0.2.0/24", "192.0.2-3.0-15", "host.example", "192.0.2.80:443", "192.0.2.80:22", "fe80::1%eth0"}, Options{})
	for addr, want := range map[string]string{
		"192.0.2.99":   "192.0.2.0/24",
		"192.0.2.1":    "192.0.2-3.0-15",
		"192.0.3.1":    "192.0.2-3.0-15",
		"192.0.2.80":   "host.example",
		"fe80::1%eth0": "fe80::1%eth0",
		"fe80::1%eth1": "fe80::1%eth1",
		"192.0.4.1":    "192.0.4.1",
		"0.0.0.0":      "0.0.0.0",
	} {
		if got := s.Name(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Name(%s) = %q, want %q", addr, got, want)
		}
	}
	for pair, want := range map[string]string{
		"192.0.2.80:80":  "host.example",
		"192.0.2.80:443": "192.0.2.80:443",
		"192.0.2.80:22":  "192.0.2.80:22",
		"192.0.2.80:9":   "host.example",
		"192.0.9.9:80":   "192.0.9.9",
	} {
		if got := s.Word(netip.MustParseAddrPort(pair)); got != want {
			t.Errorf("Word(%s) = %q, want %q", pair, got, want)
		}
	}
}

// BenchmarkAt compares reading a pair by number from one range, from 65536
// ranges, and from a slice of pairs in the same random order.
func BenchmarkAt(b *testing.B) {
	ports := PortsOf(22, 80, 443)
	for name, word := range map[string]string{"one-range": "10.0.0.0/8", "65536-ranges": "10.*.*.1-254"} {
		s, err := Parse(b.Context(), []string{word}, Options{Ports: ports})
		if err != nil {
			b.Fatal(err)
		}
		order := s.Order(1)
		b.Run(name, func(b *testing.B) {
			for i := uint64(0); b.Loop(); i++ {
				s.At(mix(i) % s.last)
			}
		})
		b.Run(name+"-shuffled", func(b *testing.B) {
			for i := uint64(0); b.Loop(); i++ {
				order.At(i)
			}
		})
		b.Run(name+"-name", func(b *testing.B) {
			for i := uint64(0); b.Loop(); i++ {
				s.Name(netip.AddrFrom4([4]byte{10, byte(mix(i)), byte(mix(i) >> 8), 7}))
			}
		})
	}
	b.Run("slice", func(b *testing.B) {
		pairs := make([]netip.AddrPort, 1<<22)
		for i := uint64(0); b.Loop(); i++ {
			pairs[0] = pairs[mix(i)%(1<<22)]
		}
	})
}
