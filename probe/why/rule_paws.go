package why

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
