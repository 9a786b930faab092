package sample

import (
	"math"
	"sync"
	"time"
)

// burst is how many SYNs may leave ahead of an even pace, so that SYNs without
// a pause between them stay so.
const burst = 16

// pace bounds the SYNs of all targets together: each books the instant at which
// it may leave.
type pace struct {
	mu       sync.Mutex
	interval time.Duration // 0: no bound
	due      time.Time     // when an even pace would send the next
}

func newPace(rate float64) *pace {
	if math.IsInf(rate, 1) {
		return &pace{}
	}
	return &pace{interval: time.Duration(float64(time.Second) / rate)}
}

// book returns how long the next SYN has to wait.
func (p *pace) book(now time.Time) time.Duration {
	if p.interval == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.due.Before(now) {
		p.due = now
	}
	wait := p.due.Add(-(burst - 1) * p.interval).Sub(now)
	p.due = p.due.Add(p.interval)
	return max(wait, 0)
}
