package why

import (
	"math"
	"time"
)

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

// nextRequest is when a trial's connection sends for the second time: a little after its pause.
func (t *Trial) nextRequest() time.Duration { return t.At + t.Pause + connectionLasts }

// connectionLasts is about how long the bytes of a trial's connection take where they are answered.
const connectionLasts = 100 * time.Millisecond

// falls is how probable it is that it goes down during a trial that found it up.
func (f *flapping) falls(t *Trial) float64 {
	again := t.nextRequest()
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
	if fell > up+down && (f.fell == 0 || t.nextRequest() < f.fell) {
		f.fell = t.nextRequest()
	}
	f.p, f.at, f.started = down/(down+up+fell), t.At, true
}

func (f *flapping) clone() rule { c := *f; return &c }
