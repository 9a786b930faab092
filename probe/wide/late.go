package wide

import "time"

// lateProbes knows when probes left that their cursor had come to before: they waited for their
// neighbour's link address, or the kernel refused them for a while. The trail of a cursor tells
// when it passed their places; a round trip counted from there would hold the wait as well.
// Those that are older than its horizon are forgotten in time.
type lateProbes struct {
	horizon  time.Duration
	turned   time.Duration // when the latest became the former
	latest   map[place]time.Duration
	formerly map[place]time.Duration
}

// place is that of a probe: an attempt and a position.
type place struct {
	attempt  int
	position uint64
}

// mostLate is how many are remembered, and as many again of before.
const mostLate = 1 << 17

// left takes note of a probe that leaves.
func (l *lateProbes) left(at place, now time.Duration) {
	if l.latest == nil || now-l.turned >= l.horizon || len(l.latest) >= mostLate {
		l.formerly, l.latest, l.turned = l.latest, map[place]time.Duration{}, now
	}
	l.latest[at] = now
}

// when is when the probe at a place left last, by this or by its cursor: what passes go
// back to leaves with its cursor again.
func (l *lateProbes) when(at place, cursor time.Duration) time.Duration {
	sent, ok := l.latest[at]
	if !ok {
		sent = l.formerly[at]
	}
	return max(sent, cursor)
}
