package isn_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/internal/evaluate"
)

// Whatever a file holds, it is judged: numbers from a few, at equal or absent times,
// of few or unknown tuples.
func TestJunkIsJudged(t *testing.T) {
	t.Parallel()
	first := rand.Uint64()
	t.Logf("first seed %d", first)
	for i := range uint64(evaluate.Many(60, 2500)) {
		rng := rand.New(rand.NewPCG(first+i, 1))
		samples := make([]isn.Sample, rng.IntN(40))
		values, ports, span := 1+rng.IntN(50), 1+rng.IntN(4), 1+rng.Int64N(1<<uint(1+rng.IntN(40)))
		for j := range samples {
			s := &samples[j]
			if rng.IntN(10) > 0 {
				s.ISN = isn.Some(craft.Seq(uint32(rng.IntN(values)) * (1 << uint(rng.IntN(4)*8))))
			}
			if i%3 > 0 {
				s.SrcPort = isn.Some(uint16(rng.IntN(ports)))
			}
			if i%5 > 0 {
				s.Src = netip.AddrFrom4([4]byte{10, 0, 0, byte(rng.IntN(2))})
			}
			if i%4 > 0 {
				at := rng.Int64N(span)
				s.Sent, s.Received = isn.Some(at), isn.Some(at+rng.Int64N(span)-span/4)
			}
			if i%7 > 0 {
				s.ClientISN = isn.Some(craft.Seq(rng.IntN(3)))
			}
		}
		r := isn.Analyze(samples, isn.Options{})
		if r.Confidence < 0 || r.Confidence > 1 || r.Confidence != r.Confidence || (r.Class == isn.ClassUnknown) != (r.Confidence == 0) {
			t.Errorf("seed %d: %s %v", first+i, r.Class, r.Confidence)
		}
		if g, ok := r.GuessesP50.Get(); ok && !(g >= 1 && g <= 1<<31) {
			t.Errorf("seed %d: %s, %v guesses", first+i, r.Class, g)
		}
		if c, ok := r.Clock.Get(); ok && !(c.Low <= c.Hz && c.Hz <= c.High) {
			t.Errorf("seed %d: clock %+v", first+i, c)
		}
	}
}
