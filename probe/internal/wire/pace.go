package wire

import (
	"math"
	"time"
)

// Slack is how much unsent time a pace may make up for in one go: it absorbs
// late wake-ups without turning a stall into a flood.
const Slack = 2 * time.Millisecond

// catchUp is by how much more than at the pace may leave in Slack: what wakes up a little late each
// time would never catch up without, since what has left then keeps back as much for as long.
const catchUp = Slack / 4

// exact is the number of packets per Slack up to which each departure is counted. Above that only
// the times of whole batches are known, and those of another goroutine's batches come later.
const exact = BatchSize

// Pace is a token bucket kept as a schedule: the time at which the next packet is due. So it is
// exact at one packet a second and at ten millions. However late it is called, up to 25,000 packets
// a second no interval of Slack sees more packets than the pace allows in Slack plus catchUp, and
// one more; above that rate no more than in twice Slack.
type Pace struct {
	asked  float64 // packets a second, +Inf for no bound
	factor float64 // share of asked that is used, cut when the kernel drops
	Due    time.Duration
	spare  float64 // nanoseconds below one, carried so that no rate drifts

	together time.Duration // that packets wait for each other

	asking time.Duration // when it was last asked for an allowance
	window window        // what left of late
}

func NewPace(rate float64) Pace { return Pace{asked: rate, factor: 1, together: Together} }

// unbounded tells whether nothing keeps packets back.
func (p *Pace) unbounded() bool { return math.IsInf(p.asked, 1) && p.factor == 1 }

func (p *Pace) interval() float64 { return float64(time.Second) / (p.asked * p.factor) }

// Allowance is how many packets may leave now, at most limit: none before it is
// worth it, however often answers wake whoever asks.
func (p *Pace) Allowance(now time.Duration, limit int) int {
	if p.unbounded() {
		return limit
	}
	if now < p.WakeUp() {
		return 0
	}
	p.Due, p.asking = max(p.Due, now-Slack), now
	due := min(float64(limit), float64(now-p.Due)/p.interval()+1)
	if most := p.most(); most <= exact {
		due = min(due, float64(most-p.window.left(now)))
	}
	return int(due)
}

// most is how many packets may leave in Slack.
func (p *Pace) most() int {
	return int(min(float64(Slack+catchUp)/p.interval(), math.MaxInt32)) + 1
}

// Together is for how long packets are gathered: some leave late, and each costs a
// fraction of what it would alone.
const Together = 300 * time.Microsecond

// longTogether is that of a [Sweep]: half of what a pace may make up for, so that a wake-up
// may come late by the other half.
const longTogether = Slack / 2

// Gathers is for how long packets wait for each other: not at all where it would be for
// one or two.
func (p *Pace) Gathers() time.Duration {
	if p.interval() < float64(p.together)/3 {
		return p.together
	}
	return 0
}

// WakeUp is when it is worth looking again.
func (p *Pace) WakeUp() time.Duration {
	at, most := p.Due+p.Gathers(), p.most()
	if most > exact {
		return at
	}
	worth := float64(min(p.Gathers(), catchUp)) / p.interval()
	return max(at, p.window.until(most-max(1, int(worth))))
}

// Ask makes the pace another, from the next packet on. What was given up holds for the pace
// before: of a lower one only so much is given up that it is no faster than that was.
func (p *Pace) Ask(rate float64) {
	if rate < p.asked {
		p.factor = min(p.Rate()/rate, 1)
	}
	p.asked = rate
}

// Rate is what is aimed at, in packets a second.
func (p *Pace) Rate() float64 { return p.asked * p.factor }

// Spend books n packets that left.
func (p *Pace) Spend(n int) {
	if n == 0 || p.unbounded() {
		return
	}
	p.window.add(n, p.asking)
	exact := float64(n)*p.interval() + p.spare
	whole := math.Floor(exact)
	p.Due += time.Duration(whole)
	p.spare = exact - whole
}

// Departed takes note of when the latest n packets that were booked really left, after they
// were allowed: what this process was kept from meanwhile is not made up for a second time.
func (p *Pace) Departed(n int, at time.Duration) {
	if n == 0 || p.unbounded() {
		return
	}
	p.Due = max(p.Due, at-Slack+time.Duration(float64(n)*p.interval()))
	n, last := p.window.take(n)
	p.window.add(n, max(at, last))
}

// Slower halves the rate, down to a sixty-fourth; an unbounded pace first
// becomes the rate that was achieved.
func (p *Pace) Slower(achieved float64) {
	if math.IsInf(p.asked, 1) {
		p.asked = max(achieved, 1000)
	}
	p.factor = max(p.factor/2, 1.0/64)
}

// Cap keeps the rate to what was seen to leave, where something on this machine
// limits it.
func (p *Pace) Cap(achieved float64) {
	if math.IsInf(p.asked, 1) {
		p.asked = max(achieved, lowestCap)
	}
	p.factor = min(p.factor, max(achieved*capShare, lowestCap)/p.asked)
}

const (
	lowestCap = 10  // packets a second
	capShare  = 0.9 // of what left
)

// Faster wins back a tenth of what was given up.
func (p *Pace) Faster() { p.factor = min(p.factor*1.1, 1) }
