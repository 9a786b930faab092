package isn_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

func TestDefaultPlan(t *testing.T) {
	p := isn.NewPlan(isn.PlanConfig{})
	if len(p.Steps) != 22 || p.Ports() != 13 {
		t.Errorf("%d steps on %d ports, want 22 on 13", len(p.Steps), p.Ports())
	}
	if d := p.Duration(); d < 5*time.Second || d > 10*time.Second {
		t.Errorf("pauses of %v", d)
	}
	for series, want := range map[string]int{isn.SeriesSameTuple: 10, isn.SeriesVariedPort: 12} {
		none, long := 0, 0
		n := 0
		for _, s := range p.Steps {
			if s.Series != series {
				continue
			}
			n++
			if s.Pause == 0 {
				none++
			}
			if s.Pause >= time.Second {
				long++
			}
		}
		if n != want || none < 3 || long < 1 {
			t.Errorf("%s: %d SYNs, %d without pause, %d after a second or more: both kinds are needed", series, n, none, long)
		}
	}
}

func TestPlanScales(t *testing.T) {
	for _, n := range []int{4, 10, 50, 200} {
		if got := len(isn.NewPlan(isn.PlanConfig{Samples: n}).Steps); got != n {
			t.Errorf("asked for %d SYNs, got %d", n, got)
		}
	}
	p := isn.NewPlan(isn.PlanConfig{Budget: 2 * time.Second})
	if d := p.Duration(); d > 2*time.Second || d < 1900*time.Millisecond {
		t.Errorf("budget of 2 s used %v", d)
	}
	if d := isn.QuickPlan().Duration(); d > 800*time.Millisecond || len(isn.QuickPlan().Steps) != 8 {
		t.Errorf("quick plan: %d steps in %v", len(isn.QuickPlan().Steps), d)
	}
}

func TestPlanSeries(t *testing.T) {
	long := isn.NewPlan(isn.PlanConfig{Series: []string{isn.SeriesLong}})
	if d := long.Duration(); d < 130*time.Second || long.Ports() != 1 {
		t.Errorf("long: %v on %d ports", d, long.Ports())
	}
	many := isn.NewPlan(isn.PlanConfig{Series: []string{isn.SeriesMany}, Ports: 512})
	if len(many.Steps) != 512 || many.Ports() != 513 {
		t.Errorf("many: %d steps on %d ports", len(many.Steps), many.Ports())
	}
	two := isn.NewPlan(isn.PlanConfig{Addresses: 2})
	if got := two.Steps[len(two.Steps)-1]; got.Series != isn.SeriesVariedAddress || got.Addr != 1 {
		t.Errorf("with two addresses the plan ends in %+v", got)
	}
}

func TestLadderIsCalledForWhereItHelps(t *testing.T) {
	for class, want := range map[isn.Class]int{
		isn.ClassRandom: 8, isn.ClassSYNCookies: 8, isn.ClassTupleConstant: 8,
		isn.ClassTupleClock: 0, isn.ClassGlobalStep: 0, isn.ClassGlobalClock: 0,
	} {
		rng := rand.New(rand.NewPCG(3, uint64(class)))
		plan := isn.NewPlan(isn.PlanConfig{})
		n := 0
		for _, s := range simhost.Sample(plan, simhost.Draw(class, rng), simhost.Path{RTT: time.Millisecond}, rng) {
			if s.Series == isn.SeriesOptions {
				n++
			}
		}
		if n != want {
			t.Errorf("%v: ladder of %d SYNs, want %d", class, n, want)
		}
	}
}

func TestLadderEndsAsItBegins(t *testing.T) {
	steps := isn.LadderSteps(isn.Offer{MSS: 1460, SACK: true})
	if len(steps) != 8 || steps[0].Offer != steps[7].Offer || !steps[3].SameISN || steps[3].Offer.MSS != 536 {
		t.Errorf("got %+v", steps)
	}
}

// What is undecided is asked next: the same tuple where a stranger may be a second
// machine, and nothing where one class stands clear.
func TestNextAsksWhatIsUndecided(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	host := simhost.New(simhost.Truth{}, simhost.TupleClock(simhost.Key{1, 1}, 15_625_000, 1, 0), rng)
	plan := isn.NewPlan(isn.PlanConfig{})
	samples := simhost.Sample(plan, host, simhost.Path{RTT: time.Millisecond}, rng)
	if next := plan.Next(samples); next != nil {
		t.Errorf("a clear clock is asked %d SYNs more", len(next))
	}
	samples[4].ISN.Value += 1 << 30
	next := plan.Next(samples)
	if len(next) == 0 || len(next) > 8 || next[0].Series != isn.SeriesSameTuple || next[0].SameISN {
		t.Errorf("a stranger on a tuple is followed by %+v", next)
	}
}
