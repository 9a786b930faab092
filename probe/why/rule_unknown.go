package why

// frequencies expects no outcome before others, and what it has seen more than what
// it has not: the cause that nobody wrote down, if it is one that repeats.
type frequencies struct {
	seen map[[3]uint8]*[outcomes]float64
}

// fresh is the weight of outcomes that were not seen yet (Krichevsky, Trofimov).
const fresh = 0.5

// likely are those that a trial of a kind may have at all.
func likely(k Kind) []Outcome {
	switch k {
	case SYN, Kernel:
		return []Outcome{Silence, Late, SYNACK, SlowSYNACK, Near, Reset, ResetNear, ResetToo, Challenge, WrongACK, Elsewhere, HostUnreachable, NoWay, Expired, Prohibited, RejectedByHost, SendRefused, Acked}
	case Local:
		return []Outcome{No, Yes}
	case ACK, FIN, Echo:
		return []Outcome{Silence, Reset, EchoReply, HostUnreachable, NoWay, Expired, Prohibited, RejectedByHost}
	case Trace:
		return []Outcome{TraceReaches, TraceDies, TraceForks, TraceLoops, TraceRefused, TraceNear, TraceSilent}
	}
	return []Outcome{Silence, Reset, WrongACK, Elsewhere, Acked, Lossy, LossyThere, LossyBack, SlowProgram, Ignored, ResetOnACK, ResetBy, LargeLost, LargeBack, TooBig, IdleDead, IdleReset, IdleClosed, ISNMoves, ISNStays, SYNACK, Challenge}
}

func frequenciesKey(t *Trial) [3]uint8 {
	if t.Kind == Local {
		return [3]uint8{uint8(t.Kind), uint8(t.Fact), 0}
	}
	return [3]uint8{uint8(t.Kind), uint8(t.Role), uint8(t.Look)}
}

func (w *frequencies) modes(t *Trial, into []weighted) []weighted {
	d := &dist{}
	counts := w.seen[frequenciesKey(t)]
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

func (w *frequencies) learn(t *Trial, _ []float64) {
	if w.seen == nil {
		w.seen = map[[3]uint8]*[outcomes]float64{}
	}
	k := frequenciesKey(t)
	if w.seen[k] == nil {
		w.seen[k] = &[outcomes]float64{}
	}
	w.seen[k][t.Outcome]++
}

func (w *frequencies) clone() rule {
	c := &frequencies{seen: map[[3]uint8]*[outcomes]float64{}}
	for k, v := range w.seen {
		n := *v
		c.seen[k] = &n
	}
	return c
}
