package why

import (
	"math"
	"time"
)

// The rules here predict by what went before: a bucket runs empty, a table fills
// up, something comes and goes.

// soft mixes a little of the other way into what a rule is sure of: other people's
// traffic has its part in such states, and our stamps are not theirs.
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

// learn corrects itself where something passes above what has failed, or fails below
// what has passed: by chance, unless the level is only a little off.
func (th *threshold) learn(level float64, fails bool) {
	switch {
	case fails && level > th.passed && (th.failed == 0 || level < th.failed):
		th.failed = level
	case fails && level > th.passed-2*th.blur && th.blur > 0 && level > 1+th.blur: // an empty bucket, or no connection, fails by chance only
		th.passed = level - th.blur
		th.failed = level
	case !fails && level > th.passed:
		th.passed = level
		switch {
		case th.failed == 0 || level < th.failed:
		case level < th.failed+2*th.blur:
			th.failed = level + th.blur
		default:
			th.failed = 0
		}
	}
}

// bucket drops what exceeds a rate: a token bucket of unknown size. Its level is
// what has passed and was not refilled since.
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
	if level > 1 || !fails {
		b.threshold.learn(level, fails)
	}
	b.at, b.used = t.At, level
	if fails {
		b.used = level - 1
	}
}

// more tells whether the first of two ways, whose probability was p, is now the more
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
	l.threshold.learn(held, more(l.p(held), like))
}
func (l *limit) clone() rule { c := *l; return &c }

// flapping comes and goes: two states, with a mean time in each, known by
// filtering (the forward recursion of a hidden Markov model). A connection asks
// twice: by its SYN, and by what follows its handshake.
type flapping struct {
	of      func(*Trial) bool
	bad     *dist
	up      time.Duration
	down    time.Duration
	share   float64       // of trials that are hit while it is down
	p       float64       // that it is down at
	at      time.Duration //
	fell    time.Duration // when it is known to have been down after at; 0: not known
	started bool
}

// now is how probable it is that it is down when a trial begins.
func (f *flapping) now(t *Trial) float64 {
	stationary := f.down.Seconds() / (f.up + f.down).Seconds()
	switch {
	case !f.started:
		return stationary
	case f.fell > t.At: // it went down at some time between the two
		return f.p + (1-f.p)*(t.At-f.at).Seconds()/(f.fell-f.at).Seconds()
	}
	p, at := f.p, f.at
	if f.fell > 0 {
		p, at = 1, f.fell
	}
	rate := 1/f.up.Seconds() + 1/f.down.Seconds()
	return stationary + (p-stationary)*math.Exp(-rate*math.Max(0, (t.At-at).Seconds()))
}

// asksAgain is when a trial's connection asks for the second time: a little after its pause.
func (t *Trial) asksAgain() time.Duration { return t.At + t.Pause + connectionLasts }

// connectionLasts is about how long the bytes of a trial's connection take where they are answered.
const connectionLasts = 100 * time.Millisecond

// falls is how probable it is that it goes down during a trial that found it up.
func (f *flapping) falls(t *Trial) float64 {
	again := t.asksAgain()
	switch {
	case f.fell > t.At && again >= f.fell:
		return 0.95
	case f.fell > t.At:
		return (again - t.At).Seconds() / (f.fell - t.At).Seconds()
	}
	return 1 - math.Exp(-(again-t.At).Seconds()/f.up.Seconds())
}

func (f *flapping) modes(t *Trial, into []weighted) []weighted {
	if !f.of(t) {
		return into
	}
	p := f.now(t)
	into = append(into, weighted{p: p * f.share, d: f.bad}, weighted{p: p * (1 - f.share), d: nil})
	falls := 0.0
	if t.Kind.completes() {
		falls = f.falls(t)
		into = append(into, weighted{p: (1 - p) * falls, d: f.fallen(t)})
	}
	return append(into, weighted{p: (1 - p) * (1 - falls), d: nil})
}

// fallen is what becomes of a connection during which the host went away.
func (f *flapping) fallen(t *Trial) *dist {
	switch {
	case f.bad == resets:
		return fallenReset
	case t.Kind == Idle:
		return fallenIdle
	case t.Kind == Large:
		return fallenLarge
	}
	return fallenSilent
}

// What becomes of connections during which the host went away; some were done by then.
var (
	fallenSilent = of(share{Ignored, 0}, share{Lossy, 0.2}, share{Acked, 0.15})
	fallenLarge  = of(share{Ignored, 0}, share{Lossy, 0.2}, share{Acked, 0.15}, share{LargeLost, 0.2})
	fallenIdle   = of(share{IdleDead, 0}, share{Ignored, 0.1}, share{Acked, 0.3})
	fallenReset  = of(share{ResetOnACK, 0}, share{Acked, 0.4}, share{IdleReset, 0.1})
)

func (f *flapping) learn(t *Trial, like []float64) {
	p := f.now(t)
	down := p * (f.share*like[0] + (1-f.share)*like[1])
	up, fell := (1-p)*like[len(like)-1], 0.0
	if len(like) == 4 {
		falls := f.falls(t)
		up, fell = up*(1-falls), (1-p)*falls*like[2]
	}
	if f.fell <= t.At {
		f.fell = 0
	}
	if fell > up+down && (f.fell == 0 || t.asksAgain() < f.fell) {
		f.fell = t.asksAgain()
	}
	f.p, f.at, f.started = down/(down+up+fell), t.At, true
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
		return softly(p.d, 1-soft, into)
	}
	return softly(p.d, soft, into)
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
		return []Outcome{Silence, Late, SYNACK, SlowSYNACK, Near, Reset, ResetNear, ResetToo, Challenge, HostUnreachable, NoWay, Expired, Prohibited, RejectedByHost, SendRefused, Acked}
	case Local:
		return []Outcome{No, Yes}
	case ACK, FIN, Echo:
		return []Outcome{Silence, Reset, EchoReply, HostUnreachable, NoWay, Expired, Prohibited, RejectedByHost}
	case Trace:
		return []Outcome{TraceReaches, TraceDies, TraceForks, TraceLoops, TraceRefused, TraceNear, TraceSilent}
	}
	return []Outcome{Silence, Reset, Acked, Lossy, LossyThere, LossyBack, SlowProgram, Ignored, ResetOnACK, ResetBy, LargeLost, LargeBack, TooBig, IdleDead, IdleReset, IdleClosed, ISNMoves, ISNStays, SYNACK, Challenge}
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
	return append(into, weighted{p: 1, d: d})
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
