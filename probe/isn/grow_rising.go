package isn

import "math"

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
		return 4 + 1.2*math.Log2(d+1), notPredicted
	}
	low, high := g.reach(v, s, p)
	k := float64(s.passed(v, p, false))
	mean := g.rate * max(p.t-v.points[s.last].t, 0)
	middle, sum := max(1, math.Round(2*d/(low+high))), 0.0
	for m := max(1, middle-risingShare); m <= middle+risingShare; m++ {
		if d >= m*low && d <= m*high {
			sum += math.Exp2(-connectionsBits(int64(m-k), int64(k), mean)) / (m*(high-low) + 1)
		}
	}
	if sum == 0 { // the step was overestimated
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

// risingSteps are steps that rise with time. They are looked for where fixed ones do
// not explain nearly all.
func risingSteps(v *view, fixed []*standing) (list []*standing) {
	gaps := v.gaps(0)
	if len(fixed) > 0 && fixed[0].bits < wordBits+3*float64(len(v.points)) || len(gaps) < 4 {
		return nil
	}
	for _, rate := range []float64{0.01, 1, 5, 20, 80} {
		g := rising{hz: tickHz, rate: rate}
		list = append(list, model{class: ClassGlobalStep, name: "steps that rise with time", moves: byTime, prior: 2}.by(&g).fit(v))
	}
	return best(list)[:1]
}
