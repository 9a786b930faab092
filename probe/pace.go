package probe

import (
	"math"
	"time"
)

// slack is how much unsent time a pace may make up for in one go: it absorbs
// late wake-ups without turning a stall into a flood.
const slack = 5 * time.Millisecond

// pace is a token bucket kept as a schedule: the time at which the next packet
// is due. So it is exact at one packet a second and at ten millions.
type pace struct {
	asked  float64 // packets a second, +Inf for no bound
	factor float64 // share of asked that is used, cut when the kernel drops
	due    time.Duration
	spare  float64 // nanoseconds below one, carried so that no rate drifts
}

func newPace(rate float64) pace { return pace{asked: rate, factor: 1} }

func (p *pace) interval() float64 { return float64(time.Second) / (p.asked * p.factor) }

// allowance is how many packets may leave now, at most limit: none before it is
// worth it, however often answers wake whoever asks.
func (p *pace) allowance(now time.Duration, limit int) int {
	if math.IsInf(p.asked, 1) && p.factor == 1 {
		return limit
	}
	if now < p.wakeUp() {
		return 0
	}
	p.due = max(p.due, now-slack)
	return int(min(float64(limit), float64(now-p.due)/p.interval()+1))
}

// together is for how long packets are gathered at high rates: some leave late,
// and each costs a fraction of what it would alone.
const together = 300 * time.Microsecond

// gathers is for how long packets wait for each other.
func (p *pace) gathers() time.Duration {
	if p.interval() < float64(together)/3 {
		return together
	}
	return 0
}

// wakeUp is when it is worth looking again.
func (p *pace) wakeUp() time.Duration { return p.due + p.gathers() }

// rate is what is aimed at, in packets a second.
func (p *pace) rate() float64 { return p.asked * p.factor }

// spend books n packets that left.
func (p *pace) spend(n int) {
	if n == 0 || math.IsInf(p.asked, 1) && p.factor == 1 {
		return
	}
	exact := float64(n)*p.interval() + p.spare
	whole := math.Floor(exact)
	p.due += time.Duration(whole)
	p.spare = exact - whole
}

// slower halves the rate, down to a sixty-fourth; an unbounded pace first
// becomes the rate that was achieved.
func (p *pace) slower(achieved float64) {
	if math.IsInf(p.asked, 1) {
		p.asked = max(achieved, 1000)
	}
	p.factor = max(p.factor/2, 1.0/64)
}

// faster wins back a tenth of what was given up.
func (p *pace) faster() { p.factor = min(p.factor*1.1, 1) }
