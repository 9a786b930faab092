package simhost

import (
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
)

var here = netip.MustParseAddrPort("192.0.2.1:4000")

func TestLinuxCookieKeepsItsScheme(t *testing.T) {
	gen := LinuxCookie(Key{1, 2}, Key{3, 4}, LinuxMSS, math.MaxUint16)
	at := func(client craft.Seq, mss uint16, when time.Duration) craft.Seq {
		return gen.Next(SYN{At: when, Src: here, ISN: client, Offer: isn.Offer{MSS: mss}}).Add(-uint32(client))
	}
	base := at(5, 536, time.Minute)
	if at(77777, 536, 119*time.Second) != base {
		t.Error("isn − client_isn moved within a minute")
	}
	for mss, index := range map[uint16]uint32{537: 0, 1299: 0, 1300: 1, 1440: 2, 1459: 2, 1460: 3, 9000: 3} {
		if got := at(9, mss, time.Minute) - base; uint32(got)&(1<<24-1) != index {
			t.Errorf("MSS %d moves the cookie by %d, want %d", mss, got, index)
		}
	}
	if d := at(5, 536, 2*time.Minute).Sub(base) >> 24; d < 0 || d > 1 {
		t.Errorf("a minute moves the top byte by %d", d)
	}
}

func TestFreeBSDCookieKeepsItsScheme(t *testing.T) {
	gen := FreeBSDCookie(Key{1, 2})
	for i := range 100 {
		s := SYN{At: time.Duration(i) * time.Second, Src: here, ISN: craft.Seq(i), Offer: isn.Offer{MSS: 1452, SACK: true, WScale: isn.Some[uint8](7)}}
		x := gen.Next(s)
		if b := byte(x) ^ byte(x>>24); b&^1 != 6<<5|6<<2|1<<1 {
			t.Fatalf("option byte %08b", b)
		}
		if gen.Next(s) != x {
			t.Fatal("the same SYN got another cookie")
		}
	}
}

func TestLCGAgainstBig(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, m := range []uint64{0, 1 << 32, 1 << 48, 4294967291} {
		mod := new(big.Int).SetUint64(m)
		if m == 0 {
			mod.Lsh(big.NewInt(1), 64)
		}
		a, c, s := rng.Uint64(), rng.Uint64(), rng.Uint64()
		want := new(big.Int).SetUint64(s)
		gen := LCG(s, a, c, m, 0)
		for range 20 {
			want.Mul(want, new(big.Int).SetUint64(a))
			want.Add(want, new(big.Int).SetUint64(c))
			want.Mod(want, mod)
			if got := gen.Next(SYN{}); got != craft.Seq(want.Uint64()) {
				t.Fatalf("m %d: %d, want %d", m, got, want)
			}
		}
	}
}

func TestHalfOpenAnswersTheSameSYNOnly(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	h := Draw(isn.ClassRandom, rng)
	first, _ := h.Answer(SYN{Src: here, ISN: 1})
	if again, ok := h.Answer(SYN{Src: here, ISN: 1}); !ok || again != first {
		t.Error("a retransmitted SYN got another answer")
	}
	if _, ok := h.Answer(SYN{Src: here, ISN: 2}); ok {
		t.Error("another SYN on a half-open tuple was answered")
	}
	h.Reset(here)
	if a, ok := h.Answer(SYN{Src: here, ISN: 1}); !ok || a == first {
		t.Error("after a reset the old answer came again")
	}
}

func TestEveryClassCanBeDrawnAndSampled(t *testing.T) {
	if n := len(Drawable()); n != len(isn.Classes())-1 {
		t.Errorf("%d classes can be drawn", n)
	}
	for _, class := range Drawable() {
		for seed := range uint64(30) {
			rng := rand.New(rand.NewPCG(seed, 3))
			samples := Sample(isn.NewPlan(isn.PlanConfig{}), Draw(class, rng), DrawPath(time.Millisecond, rng), rng)
			last := int64(math.MinInt64)
			for _, s := range samples {
				if s.Sent.Value < last || s.ISN.OK && s.Received.Value <= s.Sent.Value {
					t.Fatalf("%v: sent %d after %d, received %d", class, s.Sent.Value, last, s.Received.Value)
				}
				last = s.Sent.Value
			}
		}
	}
}

func TestClockShowsItsRate(t *testing.T) {
	for _, tick := range []float64{1, 2500} {
		gen := Counter(7, 0, 250_000, tick, 0)
		a := gen.Next(SYN{At: 3 * time.Second})
		b := gen.Next(SYN{At: 13 * time.Second})
		if d := b.Sub(a); math.Abs(float64(d)-2_500_000) > tick {
			t.Errorf("tick %v: %d in 10 s", tick, d)
		}
	}
}

func TestPathDelays(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, shape := range []Shape{Exponential, HalfNormal, LogNormal} {
		p := Path{RTT: 10 * time.Millisecond, Jitter: 2 * time.Millisecond, Shape: shape}
		var sum time.Duration
		for range 20000 {
			d := p.delay(rng)
			if d < 5*time.Millisecond {
				t.Fatal("faster than the path")
			}
			sum += d
		}
		if mean := sum / 20000; mean < 6900*time.Microsecond || mean > 7100*time.Microsecond {
			t.Errorf("mean delay %v, want 7 ms", mean)
		}
	}
}
