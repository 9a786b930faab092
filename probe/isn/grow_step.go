package isn

import "math"

// steps is growth by a fixed amount a connection, ours and others': each number
// is a whole number of steps after the last. Others' connections come at random,
// rate of them a second (Poisson). tick, where it is above 0, is the time in s
// after which one step more is made, once, as libslirp's slow timer makes it
// (libslirp src/tcp_timer.c, tcp_slowtimo) when it wakes up for us.
type steps struct {
	a    int32 // 0 where each strand has a step of its own, learnt from its first numbers
	rate float64
	tick float64
	own  bool // one chain a group: attempts are not counted across groups
}

func (g *steps) price(v *view, s *strand, p *point) (bits, miss float64) {
	d := g.along(v, s, p)
	a := int64(magnitude(g.a))
	if a == 0 {
		if a = int64(s.sum); a == 0 || d%a != 0 {
			return g.learn(d, a)
		}
	}
	if d%a != 0 || d == 0 {
		return math.Inf(1), 0
	}
	m, k := d/a, int64(s.passed(v, p, g.own))
	if d > 1<<31 && m > k {
		return math.Inf(1), 0
	}
	mean := g.rate * max(p.t-v.points[s.last].t, 0)
	if g.tick > 0 {
		k, mean = k+g.ticked(s, p), 0
	}
	return g.bitsOf(m-k, k, mean), 2*math.Abs(float64(m-k)-math.Round(mean)) + 1
}

// along is how far the point lies from the strand's last, in the direction of the step.
func (g *steps) along(v *view, s *strand, p *point) int64 {
	if g.a < 0 {
		return int64(uint32(v.points[s.last].x - p.x))
	}
	return int64(uint32(p.x - v.points[s.last].x))
}

// learn prices a strand's first difference, or one that shows that its step is a
// part of what it seemed to be.
func (g *steps) learn(d, a int64) (bits, miss float64) {
	if d == 0 || d > 1<<28 {
		return math.Inf(1), 0
	}
	if a == 0 {
		return 4 + 1.2*math.Log2(float64(d)+1), blindGuesses
	}
	if part := int64(gcd(uint32(d), uint32(a))); part*mostSkipped >= a {
		return 8 + math.Log2(float64(d/part)), blindGuesses
	}
	return math.Inf(1), 0
}

// ticked is whether the timer adds its step: it does where so much time has
// passed since it last did.
func (g *steps) ticked(s *strand, p *point) int64 {
	if p.t-s.phi >= g.tick {
		return 1
	}
	return 0
}

// mostUnsure bounds how many lost attempts are weighed one by one.
const mostUnsure = 6

// bitsOf prices e connections more than our own k, where others make mean of
// them. All of our own but the last may have been lost on the way there.
func (g *steps) bitsOf(e, k int64, mean float64) float64 {
	chance, n := 0.0, min(k, mostUnsure)
	for j := range n {
		chance += poisson(float64(e+j), mean) / float64(n)
	}
	x := max(float64(e), 0)
	return -math.Log2(0.94*chance + 0.04/((x+1)*(x+2)))
}

// poisson is the chance of n events where mean are expected.
func poisson(n, mean float64) float64 {
	if n < 0 {
		return 0
	}
	if mean <= 0 {
		if n == 0 {
			return 1
		}
		return 0
	}
	lg, _ := math.Lgamma(n + 1)
	return math.Exp(n*math.Log(mean) - mean - lg)
}

func (g *steps) take(v *view, s *strand, p *point) {
	if s.n == 0 {
		s.phi = p.t - g.tick/2
		return
	}
	if g.a == 0 {
		s.sum = float64(gcd(uint32(s.sum), uint32(p.x-v.points[s.last].x)))
	}
	if g.tick > 0 {
		d := g.along(v, s, p) / int64(magnitude(g.a))
		if d > int64(s.passed(v, p, g.own)) {
			s.phi = p.t
		}
	}
}

func (g *steps) cost(v *view) float64 {
	bits := 4 + 1.2*math.Log2(float64(magnitude(g.a))+1)
	if g.a == 0 {
		bits++
	}
	if g.rate > 0 {
		bits += 8
	}
	if g.tick > 0 {
		bits += 6
	}
	return bits
}

func (g *steps) fresh() growth { n := *g; return &n }

// rising is a step that itself grows with time and never falls, as lwIP's, which
// adds its count of half seconds to the last number (lwIP src/core/tcp.c,
// tcp_next_iss). The count stands still while no connection is there
// (tcp_timer_needed), so a step is the last one or up to hz a second more.
type rising struct {
	hz   float64
	rate float64 // others' connections a second
}

// tickHz is lwIP's rate of counting (TCP_SLOW_INTERVAL).
const tickHz = 2

// risingShare is how many numbers of connections about the likeliest are weighed.
const risingShare = 3

// reach is between what the step is after the strand's last point.
func (g *rising) reach(v *view, s *strand, p *point) (low, high float64) {
	return s.sum, s.sum + g.hz*(p.t-v.points[s.last].t) + 1
}

func (g *rising) price(v *view, s *strand, p *point) (bits, miss float64) {
	d := float64(uint32(p.x - v.points[s.last].x))
	if d > 1<<28 {
		return math.Inf(1), 0
	}
	if s.n == 1 {
		return 4 + 1.2*math.Log2(d+1), blindGuesses
	}
	low, high := g.reach(v, s, p)
	k := float64(s.passed(v, p, false))
	mean := g.rate * max(p.t-v.points[s.last].t, 0)
	middle, sum := max(1, math.Round(2*d/(low+high))), 0.0
	for m := max(1, middle-risingShare); m <= middle+risingShare; m++ {
		if d >= m*low && d <= m*high {
			sum += math.Exp2(-(&steps{}).bitsOf(int64(m-k), int64(k), mean)) / (m*(high-low) + 1)
		}
	}
	if sum == 0 { // the step was taken for too much
		return 2 + 1.2*math.Log2(d+1), blindGuesses
	}
	return -math.Log2(sum), 2*math.Abs(d-(k+math.Round(mean))*(low+high)/2) + 1
}

func (g *rising) take(v *view, s *strand, p *point) {
	if s.n == 0 {
		return
	}
	d := float64(uint32(p.x - v.points[s.last].x))
	low, high := g.reach(v, s, p)
	m := max(1, math.Round(2*d/(low+high)))
	if step := math.Floor(d / m); s.n > 1 && step >= low {
		s.sum = min(step, high)
		return
	}
	s.sum = d
}

func (*rising) cost(*view) float64 { return 12 }

func (g *rising) fresh() growth { return g }
