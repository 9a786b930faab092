package why

import (
	"maps"
	"time"
)

// proof is a box that refuses a flow until it comes with the same SYN once more, or until
// what it was answered was reset. Once it has, this flow passes, or all of this source.
type proof struct {
	of    func(*Trial) bool
	d     *dist // what becomes of a first SYN
	whole bool  // one flow proves the source

	failed map[int]time.Duration // when a flow was refused last
	proven time.Duration         // when the source was; 0: it was not
}

// rarely a source that has proved itself is refused.
const rarely = 0.001

// settles is about how long it takes from a refusal to the proof.
const settles = 40 * time.Millisecond

func (p *proof) modes(t *Trial, into []weighted) []weighted {
	if !p.of(t) || t.Kind == Kernel { // connect(2) retransmits, and resets what is wrong
		return into
	}
	return softly(p.d, p.refuses(t), into)
}

// refuses is how probable it is that a trial's SYN is refused.
func (p *proof) refuses(t *Trial) float64 {
	at, failed := p.failed[t.Flow]
	switch {
	case p.whole && p.proven > 0 && t.At > p.proven+settles:
		return rarely
	case p.whole && p.any() && t.At > p.earliest()+t.Reply.RTT+settles:
		return 0.1
	case failed && t.At > at+settles:
		return 0.1 // it may come too soon, or too late
	case p.whole && p.any():
		return 0.6
	}
	return 1 - soft
}

func (p *proof) any() bool { return len(p.failed) > 0 }

// earliest is when the first flow was refused.
func (p *proof) earliest() (first time.Duration) {
	for _, at := range p.failed {
		if first == 0 || at < first {
			first = at
		}
	}
	return first
}

func (p *proof) learn(t *Trial, like []float64) {
	refused := more(p.refuses(t), like)
	_, failed := p.failed[t.Flow]
	switch {
	case refused:
		p.failed = cloneWith(p.failed, t.Flow, t.At)
	case p.proven == 0 && (failed || p.whole && p.any()):
		p.proven = t.At
	}
}

// cloneWith is a copy with one more entry: clones of a rule share their maps.
func cloneWith(m map[int]time.Duration, key int, at time.Duration) map[int]time.Duration {
	c := make(map[int]time.Duration, len(m)+1)
	maps.Copy(c, m)
	if _, known := c[key]; !known {
		c[key] = at
	}
	return c
}

func (p *proof) clone() rule { c := *p; return &c }

// firstReset is a box that answers in the host's name, resets the first connection of a
// source when its third ACK has come, and lets those after it in.
type firstReset struct {
	proven time.Duration // when the first third ACK was reset; 0: none was
}

// inFlight is how long after the first reset connections may be open whose SYN the box answered.
const inFlight = 250 * time.Millisecond

func (f *firstReset) modes(t *Trial, into []weighted) []weighted {
	if !toTarget(t) || !t.Kind.completes() || t.Kind == Kernel {
		return into
	}
	return softly(firstIsReset, f.p(t), into)
}

var firstIsReset = of(share{ResetOnACK, 0}, share{Ignored, 0.05}, share{ResetBy, 0.1})

func (f *firstReset) p(t *Trial) float64 {
	switch {
	case f.proven == 0:
		return 1 - soft
	case t.At < f.proven+inFlight:
		return 0.7
	}
	return soft
}

func (f *firstReset) learn(t *Trial, like []float64) {
	if more(f.p(t), like) && f.proven == 0 {
		f.proven = max(t.acksAt(), 1)
	}
}

func (f *firstReset) clone() rule { c := *f; return &c }
