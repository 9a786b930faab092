package why

import (
	"math"
	"time"
)

// Rules about limits: a token bucket runs empty, connections are too many.

// soft is the probability that a rule leaves for the opposite of what it is sure of: other
// traffic counts against such limits too, and our clock is not theirs.
const soft = 0.012

func softly(d *dist, p float64, into []weighted) []weighted {
	return append(into, weighted{p: p, d: d}, weighted{p: 1 - p, d: nil})
}

// threshold is a level that is not known at first: what stays below one that has
// passed passes, what reaches one that has failed fails, and between the two each
// further step has the same chance to be the one; once both are known, it is anywhere between.
type threshold struct {
	passed, failed float64 // the highest that passed, the lowest that failed; failed 0: none
	step           float64 // chance that a further level fails
	blur           float64 // by how much a level may be off
}

// p is how probable it is that a level fails.
func (th *threshold) p(level float64) float64 {
	if th.failed > 0 && level >= th.failed {
		return 1 - soft
	}
	if th.failed > 0 {
		low := th.passed - th.blur
		return math.Min(1-soft, math.Max(soft, (level-low)/math.Max(th.failed-low, 1e-9)))
	}
	if level <= th.passed {
		return soft
	}
	return math.Max(soft, 1-math.Pow(1-th.step, level-th.passed))
}

// learnFailed takes in a level that failed. What fails below what has passed does so by
// chance, unless the level is only a little off.
func (th *threshold) learnFailed(level float64) {
	switch {
	case level > th.passed && (th.failed == 0 || level < th.failed):
		th.failed = level
	case level > th.passed-2*th.blur && th.blur > 0 && level > 1+th.blur: // an empty bucket, or no connection, fails by chance only
		th.passed = level - th.blur
		th.failed = level
	}
}

// learnPassed takes in a level that passed. Where it is above what has failed, that was by
// chance, unless the level is only a little off.
func (th *threshold) learnPassed(level float64) {
	if level <= th.passed {
		return
	}
	th.passed = level
	switch {
	case th.failed == 0 || level < th.failed:
	case level < th.failed+2*th.blur:
		th.failed = level + th.blur
	default:
		th.failed = 0
	}
}

// bucket is a token bucket of unknown size: it drops what exceeds a rate. Its level is how
// many tokens are used and not refilled yet.
type bucket struct {
	of   func(*Trial) bool
	rate float64 // tokens a second
	d    *dist   // what becomes of what exceeds it
	threshold

	used float64
	at   time.Duration
}

// level is how many tokens are used when a trial has taken one.
func (b *bucket) level(t *Trial) float64 {
	return math.Max(0, b.used-b.rate*math.Max(0, (t.At-b.at).Seconds())) + 1
}

func (b *bucket) modes(t *Trial, into []weighted) []weighted {
	if !b.of(t) {
		return into
	}
	level := b.level(t)
	if level <= 1 { // it is full: only others can have emptied it
		return softly(b.d, soft, into)
	}
	return softly(b.d, b.p(level), into)
}

func (b *bucket) learn(t *Trial, like []float64) {
	level := b.level(t)
	fails := level <= 1 && like[0]*soft > like[1]*(1-soft) || level > 1 && more(b.p(level), like)
	b.at, b.used = t.At, level
	if !fails {
		b.learnPassed(level)
		return
	}
	b.used = level - 1
	if level > 1 {
		b.learnFailed(level)
	}
}

// more reports whether the first of two ways, whose probability was p, is now the more
// probable one: what fails below a level that has passed was rather lost by chance.
func more(p float64, like []float64) bool { return p*like[0] > (1-p)*like[1] }

func (b *bucket) clone() rule { c := *b; return &c }

// limit refuses a connection while we hold so many, which is not known at first.
type limit struct {
	d *dist
	threshold
}

func (l *limit) modes(t *Trial, into []weighted) []weighted {
	if !toTarget(t) {
		return into
	}
	return softly(l.d, l.p(float64(t.Held)), into)
}

func (l *limit) learn(t *Trial, like []float64) {
	held := float64(t.Held)
	if more(l.p(held), like) {
		l.learnFailed(held)
		return
	}
	l.learnPassed(held)
}

func (l *limit) clone() rule { c := *l; return &c }
