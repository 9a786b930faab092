package target

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// setOf is what Parse makes of words, of which those after the first so many may be plain ones.
func setOf(t *testing.T, from int, words, exclude []string, opts Options) (*Set, error) {
	t.Helper()
	opts.Lists, opts.Stdin = []string{"-"}, strings.NewReader(strings.Join(words, "\n"))
	opts.Exclude = exclude
	b := newBuilder(opts)
	b.plainFrom = from
	b.reserve()
	if err := b.read(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	s, err := b.build()
	if err == nil && len(opts.Reserved) > 0 && s.Addresses() > opts.ReserveAbove {
		return b.buildUnreserved(s.Addresses())
	}
	return s, err
}

// randomWords are words on few addresses, so that they meet.
func randomWords(r *rand.Rand) (list []string) {
	for range r.IntN(40) {
		a := fmt.Sprint("10.0.0.", r.IntN(24))
		ports := []string{"", "", ":80", ":443", ":80,443"}[r.IntN(5)]
		switch r.IntN(6) {
		case 0:
			list = append(list, fmt.Sprintf("2001:db8::%x", r.IntN(9)))
		case 1:
			list = append(list, fmt.Sprintf("[2001:%s::%x]%s", []string{"db8", "DB8"}[r.IntN(2)], r.IntN(9), ports))
		case 2:
			list = append(list, a+"/29"+ports)
		default:
			list = append(list, a+ports)
		}
	}
	return list
}

// Plain words make the Set that they make word by word, with the same names and warnings.
func TestPlainWords(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		words, exclude := randomWords(r), randomWords(r)[:0]
		for _, w := range randomWords(r) {
			if r.IntN(4) == 0 {
				exclude = append(exclude, w)
			}
		}
		opts := Options{Ports: PortsOf(80, 8080)}
		if r.IntN(2) == 0 {
			opts.Reserved, opts.ReserveAbove = []netip.Prefix{netip.MustParsePrefix("10.0.0.8/29")}, 4
		}
		want, wantErr := setOf(t, math.MaxInt, words, exclude, opts)
		got, err := setOf(t, 0, words, exclude, opts)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("seed %d, %q without %q: %v, want %v", seed, words, exclude, err, wantErr)
		}
		comparePlain(t, fmt.Sprintf("seed %d, %q without %q", seed, words, exclude), got, want, words)
	}
}

func comparePlain(t *testing.T, what string, got, want *Set, words []string) {
	t.Helper()
	if !slices.Equal(slices.Collect(got.Ordered()), slices.Collect(want.Ordered())) {
		t.Fatalf("%s: %v, want %v", what, slices.Collect(got.Ordered()), slices.Collect(want.Ordered()))
	}
	if got.LeftOut() != want.LeftOut() || got.Unreserved() != want.Unreserved() || got.Addresses() != want.Addresses() {
		t.Fatalf("%s: %d left out of %d, %d outside", what, got.LeftOut(), got.Addresses(), got.Unreserved())
	}
	if g, w := sortedTexts(got.Warnings()), sortedTexts(want.Warnings()); !slices.Equal(g, w) {
		t.Fatalf("%s: warnings %q, want %q", what, g, w)
	}
	for pair := range want.Ordered() {
		g, w := got.Word(pair), want.Word(pair)
		if g != w && !(slices.Contains(words, g) && sameAddress(g, w)) { // of two words on one address it is not known which was first
			t.Fatalf("%s: %v is %q, want %q", what, pair, g, w)
		}
	}
}

func sameAddress(text, other string) bool {
	f, err := parseWord(text)
	g, errOther := parseWord(other)
	return err == nil && errOther == nil && f.pattern == nil && f.span == g.span
}

func sortedTexts(list []Warning) (texts []string) {
	for _, w := range list {
		texts = append(texts, w.Code+" "+w.Word+" "+w.Text)
	}
	return slices.Compact(slices.Sorted(slices.Values(texts)))
}

// Of addresses one a line a Set holds as much as their numbers take, and reading them takes
// little more: a million in less than 100 MiB.
func TestPlainWordsAreSmall(t *testing.T) {
	const n = 100_000
	text := plainList(n)
	var before, after, held runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	set, err := Parse(t.Context(), nil, Options{Lists: []string{"-"}, Stdin: strings.NewReader(text), Ports: PortsOf(80)})
	runtime.ReadMemStats(&after)
	runtime.GC()
	runtime.ReadMemStats(&held)
	if err != nil {
		t.Fatal(err)
	}
	allocated, left := (after.TotalAlloc-before.TotalAlloc)/n, int64(held.HeapAlloc-before.HeapAlloc)/n
	t.Logf("%d bytes an address were allocated, %d are held", allocated, left)
	if allocated > 250 || left > 60 {
		t.Errorf("%d bytes an address were allocated, %d are held", allocated, left)
	}
	runtime.KeepAlive(set)
}

// plainList is n private addresses, one a line.
func plainList(n int) string {
	var text strings.Builder
	chance := rand.New(rand.NewPCG(1, 1))
	for range n {
		v := chance.Uint32()
		fmt.Fprintf(&text, "10.%d.%d.%d\n", byte(v>>16), byte(v>>8), byte(v))
	}
	return text.String()
}
