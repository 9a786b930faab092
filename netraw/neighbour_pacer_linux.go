package netraw

import "time"

// requestPacer is a token bucket that holds 2 ms of its rate.
type requestPacer struct {
	rate   float64 // tokens a second
	tokens float64
	last   time.Time
}

const pacerDepth = 2 * time.Millisecond

func (p *requestPacer) refill(now time.Time) {
	passed := pacerDepth
	if !p.last.IsZero() {
		passed = min(passed, now.Sub(p.last))
	}
	p.last = now
	p.tokens = min(p.tokens+p.rate*passed.Seconds(), max(1, p.rate*pacerDepth.Seconds()))
}

func (p *requestPacer) take() bool {
	if p.tokens < 1 {
		return false
	}
	p.tokens--
	return true
}

// at is when there will be a token.
func (p *requestPacer) at() time.Time {
	lacking := max(0, 1-p.tokens)
	return p.last.Add(time.Duration(lacking / p.rate * float64(time.Second)))
}
