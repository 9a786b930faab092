package wide

import (
	"math/rand/v2"
	"net/netip"
	"sort"
	"testing"
	"time"

	"synscope/probe/internal/probetest"
	"synscope/probe/internal/wire"
)

// A trail against the full list of what was reached when: never higher, never
// going back, and lower by no more than a grain or two.
func TestTrailAgainstOracle(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		horizon := time.Duration(1+r.IntN(1000)) * time.Millisecond
		tr := newTrail(horizon, 10)
		full := []mark{{0, 10}}
		now, before := time.Duration(0), uint64(0)
		for range 2000 {
			now += time.Duration(r.ExpFloat64() * float64(horizon) / float64(1+r.IntN(300)))
			if r.IntN(3) > 0 {
				m := mark{now, full[len(full)-1].pos + uint64(r.IntN(50))}
				tr.reach(m.at, m.pos)
				full = append(full, m)
			}
			got := tr.by(now - horizon)
			high, low := reachedBy(full, now-horizon), reachedBy(full, now-horizon-2*horizon/trailMarks)
			if got > high || got < low || got < before {
				t.Fatalf("seed %d: at %v: %d, want %d to %d and not below %d", seed, now, got, low, high, before)
			}
			before = got
		}
		if len(tr.marks) > 4*trailMarks {
			t.Errorf("seed %d: %d marks", seed, len(tr.marks))
		}
	}
}

func reachedBy(full []mark, at time.Duration) uint64 {
	after := sort.Search(len(full), func(i int) bool { return full[i].at > at })
	return full[max(after-1, 0)].pos
}

func TestTrailPassed(t *testing.T) {
	tr := newTrail(time.Second, 0)
	if _, ok := tr.passed(0); ok {
		t.Error("nothing was sent, and position 0 is passed")
	}
	tr.reach(time.Second, 5)
	tr.reach(2*time.Second, 9)
	for pos, want := range map[uint64]time.Duration{0: time.Second, 4: time.Second, 5: 2 * time.Second, 8: 2 * time.Second} {
		if at, ok := tr.passed(pos); !ok || at != want {
			t.Errorf("position %d passed at %v %v, want %v", pos, at, ok, want)
		}
	}
	if _, ok := tr.passed(9); ok {
		t.Error("position 9 is passed before it is")
	}
}

func pairNumber(i uint32) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}), uint16(i*7))
}

// Every answer of a table that is not overfull is remembered, with its rank.
func TestSeenRemembers(t *testing.T) {
	const targets = 100_000
	s := newSeen(targets, wire.NewCookie([16]byte{1}))
	for i := range uint32(targets) {
		if before := s.note(pairNumber(i), wire.RankICMP, 0); before != (memory{}) {
			t.Fatalf("target %d is taken for a known one: %+v", i, before)
		}
	}
	forgotten := 0
	for i := range uint32(targets) {
		if s.note(pairNumber(i), wire.RankOpen, 2) != (memory{wire.RankICMP, 1}) {
			forgotten++
		}
		if s.note(pairNumber(i), wire.RankReset, 1) != (memory{wire.RankOpen, 3}) || s.note(pairNumber(i), wire.RankSilence, -1) != (memory{wire.RankOpen, 3}) {
			t.Fatal("the better rank and the latest attempt are not kept")
		}
	}
	if forgotten > 20 {
		t.Errorf("%d of %d forgotten", forgotten, targets)
	}
}

// At full size the table is bounded, forgets what is old, and keeps what is
// recent; and takes no new target for a known one.
func TestSeenAtFullSize(t *testing.T) {
	probetest.Plain(t)
	if got := len(newSeen(1<<40, wire.NewCookie([16]byte{2})).words) * 8; got != 32<<20 {
		t.Fatalf("%d bytes", got)
	}
	const size = maxSeen >> 4
	s := makeSeen(size, wire.NewCookie([16]byte{2}))
	const total = 3 * size
	for i := range uint32(total) {
		if s.note(pairNumber(i), wire.RankReset, 0) != (memory{}) {
			t.Fatalf("target %d is taken for a known one", i)
		}
	}
	recent, old := 0, 0
	for i := range uint32(1000) {
		if s.note(pairNumber(total-1-i*60), wire.RankReset, 0) != (memory{}) {
			recent++
		}
	}
	for i := range uint32(1000) {
		if s.note(pairNumber(i), wire.RankReset, 0) != (memory{}) {
			old++
		}
	}
	if recent < 990 || old > 10 {
		t.Errorf("of 1000 each: %d recent and %d old ones are remembered", recent, old)
	}
}

// With so few bits left to compare that confusion happens, it happens as rarely
// as the bound says.
func TestSeenBoundOnConfusion(t *testing.T) {
	const size = maxSeen >> 4
	s := makeSeen(size, wire.NewCookie([16]byte{3}))
	const kept, trials = 12, 400_000 // bits of the hash compared beyond the bucket
	mask := uint64(1)<<s.shift - 1<<(s.shift-kept)
	confused := 0
	for i := range uint32(size + trials) {
		h := s.hash(pairNumber(i))
		bucket := s.words[h>>s.shift*bucketSize:][:bucketSize]
		if i >= size {
			for _, w := range bucket {
				if w != 0 && (w^h)&mask == 0 {
					confused++
					break
				}
			}
		}
		s.note(pairNumber(i), wire.RankReset, 0)
	}
	bound := float64(trials) * bucketSize / (1 << kept)
	if float64(confused) > bound*1.2 || float64(confused) < bound/4 {
		t.Errorf("%d confused, the bound is %.0f", confused, bound)
	}
}

func BenchmarkSeen(b *testing.B) {
	s := newSeen(1<<40, wire.NewCookie([16]byte{3}))
	for i := uint32(0); b.Loop(); i++ {
		s.note(pairNumber(i), wire.RankReset, 0)
	}
}

// BenchmarkGenerate is what a probe costs before it is handed to the engine, on
// the generator's goroutine.
func BenchmarkGenerate(b *testing.B) {
	src := netip.MustParseAddr("192.0.2.1")
	g := generator{plan: numbered{}, cookie: wire.NewCookie([16]byte{3}), sources: sources{v4: family{source: source{addr: src}}}, port: 40000}
	c := &chunk{end: chunkSize}
	b.ReportAllocs()
	for b.Loop() {
		c.first, c.end = c.end, c.end+chunkSize
		g.fill(c)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/chunkSize, "ns/probe")
}

type numbered struct{}

func (numbered) Count() uint64              { return 1 << 32 }
func (numbered) At(i uint64) netip.AddrPort { return pairNumber(uint32(i)) }
