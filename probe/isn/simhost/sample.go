package simhost

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
)

// Shape is the distribution of the extra delay.
type Shape uint8

// The shapes, from the usual one to a long tail.
const (
	Exponential Shape = iota
	HalfNormal
	LogNormal
)

// draw returns an extra delay of mean one.
func (s Shape) draw(rng *rand.Rand) float64 {
	switch s {
	case HalfNormal:
		return math.Abs(rng.NormFloat64()) * math.Sqrt(math.Pi/2)
	case LogNormal:
		return math.Exp(rng.NormFloat64() - 0.5)
	}
	return rng.ExpFloat64()
}

// Path is what lies between sampler and host.
type Path struct {
	RTT    time.Duration // the shortest round trip
	Jitter time.Duration // the mean extra delay each way
	Loss   float64       // probability of losing a packet, each way
	Shape  Shape         // of the extra delay
	Others float64       // connections of other people to the host, a second
}

// DrawPath draws a round trip between 0.2 and 200 ms, and loss up to 5 %.
func DrawPath(jitter time.Duration, rng *rand.Rand) Path {
	return Path{RTT: time.Duration(logUniform(rng, 0.2e6, 200e6)), Jitter: jitter,
		Loss: 0.05 * rng.Float64(), Shape: Shape(rng.IntN(3))}
}

// delay draws the time one way.
func (p Path) delay(rng *rand.Rand) time.Duration {
	return p.RTT/2 + time.Duration(p.Shape.draw(rng)*float64(p.Jitter))
}

// timeout is how long a sampler waits for an answer, and attempts how often it
// sends a SYN that is not answered (with a fresh ISN but on the ladder).
const (
	timeout  = time.Second
	attempts = 2
)

// sampler carries out a plan in virtual time.
type sampler struct {
	host   *Host
	path   Path
	rng    *rand.Rand
	now    time.Duration
	ladder craft.Seq     // the ladder's client ISN
	first  uint16        // the first source port
	others time.Duration // when the next of the others connects; 0 before the first
	out    []isn.Sample
}

// Sample carries out the plan, the ladder included where the plan calls for it,
// and returns the samples in the order of their SYNs, lost ones without ISN.
func Sample(plan isn.Plan, host *Host, path Path, rng *rand.Rand) []isn.Sample {
	s := &sampler{host: host, path: path, rng: rng, ladder: seq(rng),
		first: uint16(32768 + rng.IntN(20000)), now: time.Duration(rng.Int64N(int64(24 * time.Hour)))}
	s.run(plan.Steps)
	s.run(plan.Next(s.out))
	return s.out
}

// run sends the steps one after the other.
func (s *sampler) run(steps []isn.Step) {
	for _, step := range steps {
		s.now += step.Pause + 30*time.Microsecond
		for range attempts {
			if s.exchange(step) {
				break
			}
		}
	}
}

// exchange sends one SYN, waits for its answer and ends it with an RST.
func (s *sampler) exchange(step isn.Step) bool {
	client := seq(s.rng)
	if step.SameISN {
		client = s.ladder
	}
	src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + step.Addr)}), s.first+uint16(step.Port))
	sample := isn.Sample{Series: step.Series, Src: src.Addr(), SrcPort: isn.Some(src.Port()),
		ClientISN: isn.Some(client), Sent: isn.Some(int64(s.now)), Offer: isn.Some(step.Offer)}
	arrive := s.now + s.path.delay(s.rng)
	back := arrive + s.path.delay(s.rng)
	answer, ok := Answer{}, false
	if !s.lost() {
		s.busy(arrive)
		answer, ok = s.host.Answer(SYN{At: arrive, Src: src, ISN: client, Offer: step.Offer})
	}
	ok = ok && !s.lost()
	s.now += timeout
	if ok {
		s.now = back
		fill(&sample, answer, back)
	}
	if !s.lost() {
		s.host.Reset(src)
	}
	s.out = append(s.out, sample)
	return ok
}

// busy lets other people connect until then, at random moments.
func (s *sampler) busy(until time.Duration) {
	if s.path.Others <= 0 {
		return
	}
	if s.others == 0 {
		s.others = until
	}
	for s.others < until {
		src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(s.rng.IntN(256))}), uint16(1024+s.rng.IntN(60000)))
		s.host.Answer(SYN{At: s.others, Src: src, ISN: seq(s.rng), Offer: isn.Offer{MSS: 1460}})
		s.host.Reset(src)
		s.others += time.Duration(s.rng.ExpFloat64() / s.path.Others * 1e9)
	}
}

// lost draws whether a packet is lost.
func (s *sampler) lost() bool { return s.rng.Float64() < s.path.Loss }

// fill enters an answer into its sample.
func fill(s *isn.Sample, a Answer, at time.Duration) {
	s.Received, s.ISN = isn.Some(int64(at)), isn.Some(a.ISN)
	s.MSS, s.WScale, s.SACK, s.TSVal = isn.Some(a.MSS), a.WScale, isn.Some(a.SACK), a.TSVal
	s.Window, s.TTL = isn.Some(a.Window), isn.Some(a.TTL)
}
