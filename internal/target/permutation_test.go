package target

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// TestWorkedExample holds the comment at the head of permutation.go to its word.
func TestWorkedExample(t *testing.T) {
	p := newPermutation(9, 42)
	if p.rows != 4 || p.cols != 3 {
		t.Fatalf("%d rows, %d columns", p.rows, p.cols)
	}
	for x, want := range []uint64{0, 4, 5, 3, 7, 6, 10, 9, 8, 11, 1, 2} {
		if got := p.forward(uint64(x)); got != want {
			t.Errorf("forward(%d) = %d, want %d", x, got, want)
		}
	}
	for i, want := range []uint64{0, 4, 5, 3, 7, 6, 1, 9, 8, 2} {
		if got := p.at(uint64(i)); got != want {
			t.Errorf("perm(%d) = %d, want %d", i, got, want)
		}
	}
}

// TestPermutationIsBijection walks whole domains: every image once, and inverse
// undoing at.
func TestPermutationIsBijection(t *testing.T) {
	for n := uint64(1); n <= 4096; n++ {
		p := newPermutation(n-1, n*golden)
		seen := make([]bool, n)
		for i := range n {
			y := p.at(i)
			if y >= n || seen[y] {
				t.Fatalf("size %d: image %d of %d is out of range or taken", n, y, i)
			}
			seen[y] = true
			if back := p.inverse(y); back != i {
				t.Fatalf("size %d: inverse(at(%d)) = %d", n, i, back)
			}
		}
	}
}

// TestPermutationLarge samples domains too large to walk.
func TestPermutationLarge(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	lasts := []uint64{65535, 65536, 1<<24 + 42, 1<<32 - 1, 1 << 32, 1<<48 - 1, 1<<48 - 60, 1<<63 - 1, 1 << 63, math.MaxUint64 - 1, math.MaxUint64}
	for _, last := range lasts {
		for _, key := range []uint64{0, 1, rng.Uint64()} {
			p := newPermutation(last, key)
			for k := range uint64(2000) {
				i := k
				if k >= 10 {
					i = rng.Uint64() % max(last, last+1) // last+1 may wrap to 0
				}
				y := p.at(i)
				if y > last || p.inverse(y) != i {
					t.Fatalf("last %d key %d: at(%d) = %d, inverse %d", last, key, i, y, p.inverse(y))
				}
			}
		}
	}
}

// chiSquare returns the statistic of counts against a uniform expectation.
func chiSquare(counts []int) float64 {
	total := 0
	for _, c := range counts {
		total += c
	}
	want := float64(total) / float64(len(counts))
	var sum float64
	for _, c := range counts {
		sum += (float64(c) - want) * (float64(c) - want) / want
	}
	return sum
}

// chiLimit is far out in the tail of chi-square with k degrees of freedom: its
// mean is k, its variance 2k.
func chiLimit(k int) float64 { return float64(k) + 6*math.Sqrt(2*float64(k)) }

// TestFirstPositionsUniform asks who comes i-th over many seeds: each with equal
// chance, for the first positions, which a cheap shuffle betrays first. Of the
// few numbers of a tiny domain six rounds leave some a little likelier.
func TestFirstPositionsUniform(t *testing.T) {
	const seeds = 20000
	for _, n := range []uint64{2, 3, 5, 10, 16, 17, 100, 256, 300, 1000} {
		for i := range min(n, 5) {
			counts := make([]int, n)
			for seed := range uint64(seeds) {
				p := newPermutation(n-1, seed)
				counts[p.at(i)]++
			}
			x := chiSquare(counts)
			if n < 10 {
				x /= 10
			}
			if x > chiLimit(int(n)-1) {
				t.Errorf("size %d position %d: chi-square %.0f with %d degrees of freedom", n, i, x, n-1)
			}
		}
	}
}

// TestPrefixUniform cuts a large domain into 256 stretches and counts where the
// first thousands fall: a network is never hit in a burst.
func TestPrefixUniform(t *testing.T) {
	for _, last := range []uint64{1 << 20, 1<<32 - 1, 1<<48 - 1, math.MaxUint64} {
		p := newPermutation(last, 7)
		high, low := make([]int, 256), make([]int, 256)
		for i := range uint64(100_000) {
			y := p.at(i)
			hi, _ := bits.Mul64(y, 256*(math.MaxUint64/last))
			high[hi]++
			low[y%256]++
		}
		if x := chiSquare(high); x > chiLimit(255) {
			t.Errorf("last %d: stretches: chi-square %.0f", last, x)
		}
		if x := chiSquare(low); x > chiLimit(255) {
			t.Errorf("last %d: low bits: chi-square %.0f", last, x)
		}
	}
}

// TestAvalanche flips one bit of number or key: half the image's bits change.
func TestAvalanche(t *testing.T) {
	for name, width := range map[string]uint{"48 bits": 48, "64 bits": 64} {
		last := uint64(1)<<width - 1
		changed, trials := 0, 0
		for key := range uint64(200) {
			for bit := range width {
				p, q := newPermutation(last, key), newPermutation(last, key^1<<bit)
				x := mix(key)
				changed += bits.OnesCount64(p.at(x&last)^p.at((x^1<<bit)&last)) + bits.OnesCount64(p.at(x&last)^q.at(x&last))
				trials += 2
			}
		}
		mean := float64(changed) / float64(trials) / float64(width)
		if mean < 0.495 || mean > 0.505 {
			t.Errorf("%s: a flipped bit changes %.4f of the image", name, mean)
		}
	}
}

// TestNeighboursPart asks that consecutive positions are not consecutive pairs.
func TestNeighboursPart(t *testing.T) {
	p := newPermutation(1<<16-1, 3)
	close := 0
	for i := range uint64(1<<16 - 1) {
		if d := int64(p.at(i)) - int64(p.at(i+1)); -256 < d && d < 256 {
			close++
		}
	}
	if close < 350 || close > 670 { // expected 2·255/65536 of 65535: 510
		t.Errorf("%d of 65535 neighbours lie within a /24 of each other, expected about 510", close)
	}
}

func FuzzPermutation(f *testing.F) {
	f.Add(uint64(0), uint64(0), uint64(0))
	f.Add(uint64(9), uint64(7), uint64(3))
	f.Add(uint64(math.MaxUint64), uint64(1), uint64(math.MaxUint64))
	f.Fuzz(func(t *testing.T, last, key, i uint64) {
		if last < math.MaxUint64 {
			i %= last + 1
		}
		p := newPermutation(last, key)
		if y := p.at(i); y > last || p.inverse(y) != i {
			t.Fatalf("last %d key %d: at(%d) = %d, inverse %d", last, key, i, y, p.inverse(y))
		}
	})
}

// BenchmarkOrder compares ways to shuffle 2^20 numbers, in ns per number: the
// permutation, a shuffled table and a full-period LCG, which needs no memory
// either but is no shuffle (its low bits alternate).
func BenchmarkOrder(b *testing.B) {
	const n = 1 << 20
	var sink uint64
	perElement := func(b *testing.B) { b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/number") }
	for name, last := range map[string]uint64{"permutation-2^20": n - 1, "permutation-2^20+1": n, "permutation-2^48": 1<<48 - 1} {
		b.Run(name, func(b *testing.B) {
			p := newPermutation(last, 1)
			for b.Loop() {
				for i := range uint64(n) {
					sink += p.at(i)
				}
			}
			perElement(b)
		})
	}
	b.Run("table", func(b *testing.B) {
		table := make([]uint64, n)
		for b.Loop() {
			for i := range table {
				table[i] = uint64(i)
			}
			rand.Shuffle(n, func(i, j int) { table[i], table[j] = table[j], table[i] })
			for _, y := range table {
				sink += y
			}
		}
		perElement(b)
	})
	b.Run("lcg", func(b *testing.B) {
		for b.Loop() {
			x := uint64(1)
			for range n {
				x = (x*1664525 + 1013904223) & (n - 1)
				sink += x
			}
		}
		perElement(b)
	})
	_ = sink
}
