package why

import (
	"math"
	"time"
)

// The rules here predict by what went before: a bucket runs empty, a table fills
// up, something comes and goes.

// soft mixes a little of the other way into what a rule is sure of: other people's
// traffic has its part in such states, and our stamps are not theirs.
const soft = 0.03

func softly(d *dist, p float64, into []weighted) []weighted {
	return append(into, weighted{p, d}, weighted{1 - p, nil})
}

// bucket drops what exceeds a rate: a token bucket.
type bucket struct {
	of    func(*Trial) bool
	rate  float64 // tokens a second
	burst float64
	d     *dist // what becomes of what exceeds it

	tokens float64
	at     time.Duration
	begun  bool
}

// level is how many tokens there are when a trial begins.
func (b *bucket) level(t *Trial) float64 {
	if !b.begun {
		return b.burst
	}
	return math.Min(b.burst, b.tokens+b.rate*(t.At-b.at).Seconds())
}

func (b *bucket) modes(t *Trial, into []weighted) []weighted {
	if !b.of(t) {
		return into
	}
	level := b.level(t)
	switch {
	case level >= 1.3:
		return softly(b.d, soft, into)
	case level < 0.7:
		return softly(b.d, 1-soft, into)
	}
	return softly(b.d, 0.5, into)
}

// learn corrects the level by what came: where it passed there was a token.
func (b *bucket) learn(t *Trial, like []float64) {
	level := b.level(t)
	b.begun, b.at = true, t.At
	if like[0] > like[1] {
		b.tokens = math.Min(level, 0.9)
		return
	}
	b.tokens = math.Max(level, 1) - 1
}

func (b *bucket) clone() rule { c := *b; return &c }

// limit refuses a connection while we hold so many.
type limit struct {
	most int
	d    *dist
}

func (l *limit) modes(t *Trial, into []weighted) []weighted {
	switch {
	case !toTarget(t):
		return into
	case t.Held > l.most+1:
		return softly(l.d, 0.97, into)
	case t.Held >= l.most-1:
		return softly(l.d, 0.5, into)
	}
	return softly(l.d, 0.01, into)
}

func (l *limit) learn(*Trial, []float64) {}
func (l *limit) clone() rule             { return l }

// filling is an accept queue with room for so many connections of ours: after
// those the SYN is dropped, or the third ACK is not taken.
type filling struct {
	room int
	full []mode // what becomes of connections then
}

func (f *filling) modes(t *Trial, into []weighted) []weighted {
	if !toTarget(t) {
		return into
	}
	p := 0.02
	switch {
	case t.Completed > f.room+1:
		p = 0.985
	case t.Completed >= f.room:
		p = 0.5
	}
	for _, m := range f.full {
		into = append(into, weighted{p * m.p, m.d(t)})
	}
	return append(into, weighted{1 - p, nil})
}

func (f *filling) learn(*Trial, []float64) {}
func (f *filling) clone() rule             { return f }

// flapping comes and goes: two states, with a mean time in each, known by
// filtering (the forward recursion of a hidden Markov model).
type flapping struct {
	of      func(*Trial) bool
	bad     *dist
	up      time.Duration
	down    time.Duration
	share   float64 // of trials that are hit while it is down
	p       float64 // that it is down at
	at      time.Duration
	started bool
}

func (f *flapping) now(t *Trial) float64 {
	stationary := f.down.Seconds() / (f.up + f.down).Seconds()
	if !f.started {
		return stationary
	}
	rate := 1/f.up.Seconds() + 1/f.down.Seconds()
	decay := math.Exp(-rate * math.Max(0, (t.At-f.at).Seconds()))
	return stationary + (f.p-stationary)*decay
}

func (f *flapping) modes(t *Trial, into []weighted) []weighted {
	if !f.of(t) {
		return into
	}
	p := f.now(t)
	return append(into, weighted{p * f.share, f.bad}, weighted{p * (1 - f.share), nil}, weighted{1 - p, nil})
}

func (f *flapping) learn(t *Trial, like []float64) {
	p := f.now(t)
	down := p * (f.share*like[0] + (1-f.share)*like[1])
	f.p, f.at, f.started = down/(down+(1-p)*like[2]), t.At, true
}

func (f *flapping) clone() rule { c := *f; return &c }

// paws is a host, or something before it, that keeps the newest timestamp of an
// address or tuple and drops SYNs with an older one (RFC 7323 §5).
type paws struct {
	above     bool // others of our address have newer ones than ours
	remembers bool
	d         *dist
	best      Look
	seen      bool
}

// age orders the looks by their timestamps.
func age(l Look) int {
	switch l {
	case OldTimestamp:
		return 0
	case NewTimestamp:
		return 2
	}
	return 1
}

func (p *paws) modes(t *Trial, into []weighted) []weighted {
	if !toTarget(t) || t.Kind == Kernel && !p.above {
		return into
	}
	drop := false
	if t.Look.Timestamps() {
		drop = p.above && age(t.Look) < 2 || age(t.Look) == 0 || p.remembers && p.seen && age(t.Look) < age(p.best)
	}
	if drop {
		return softly(p.d, 0.97, into)
	}
	return softly(p.d, 0.01, into)
}

func (p *paws) learn(t *Trial, like []float64) {
	if t.Look.Timestamps() && t.Outcome.answered() && (!p.seen || age(t.Look) > age(p.best)) {
		p.best, p.seen = t.Look, true
	}
}

func (p *paws) clone() rule { c := *p; return &c }

// whatever expects no outcome before others, and what it has seen more than what
// it has not: the cause that nobody wrote down, if it is one that repeats.
type whatever struct {
	seen map[[3]uint8]*[outcomes]float64
}

// fresh is the weight of outcomes that were not seen yet (Krichevsky, Trofimov).
const fresh = 0.5

// likely are those that a trial of a kind may have at all.
func likely(k Kind) []Outcome {
	switch k {
	case SYN, Kernel:
		return []Outcome{Silence, Late, SYNACK, SlowSYNACK, Near, Reset, ResetNear, ResetToo, Challenge, HostUnreachable, Prohibited, RejectedByHost, SendRefused, Acked}
	case Local:
		return []Outcome{No, Yes}
	case ACK, FIN, Echo:
		return []Outcome{Silence, Reset, EchoReply, HostUnreachable, Prohibited, RejectedByHost}
	case Trace:
		return []Outcome{TraceReaches, TraceDies, TraceForks, TraceNear, TraceSilent}
	}
	return []Outcome{Silence, Reset, Acked, Lossy, SlowProgram, Ignored, ResetOnACK, LargeLost, TooBig, IdleDead, IdleReset, IdleClosed, ISNMoves, ISNStays, SYNACK, Challenge}
}

func whateverKey(t *Trial) [3]uint8 {
	if t.Kind == Local {
		return [3]uint8{uint8(t.Kind), uint8(t.Fact), 0}
	}
	return [3]uint8{uint8(t.Kind), uint8(t.Role), uint8(t.Look)}
}

func (w *whatever) modes(t *Trial, into []weighted) []weighted {
	d := &dist{}
	counts := w.seen[whateverKey(t)]
	list, total := likely(t.Kind), 0.0
	for _, o := range list {
		d[o] = fresh
		if counts != nil {
			d[o] += counts[o]
		}
		total += d[o]
	}
	for _, o := range list {
		d[o] /= total
	}
	return append(into, weighted{1, d})
}

func (w *whatever) learn(t *Trial, _ []float64) {
	if w.seen == nil {
		w.seen = map[[3]uint8]*[outcomes]float64{}
	}
	k := whateverKey(t)
	if w.seen[k] == nil {
		w.seen[k] = &[outcomes]float64{}
	}
	w.seen[k][t.Outcome]++
}

func (w *whatever) clone() rule {
	c := &whatever{seen: map[[3]uint8]*[outcomes]float64{}}
	for k, v := range w.seen {
		n := *v
		c.seen[k] = &n
	}
	return c
}
