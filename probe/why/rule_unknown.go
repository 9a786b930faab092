package why

import (
	"maps"
	"time"
)

// frequencies expects no outcome before others, and what it has seen more than what
// it has not: the cause that nobody wrote down, if it is one that repeats.
type frequencies struct {
	by     pattern
	seen   map[[4]uint8]*[outcomes]float64
	failed map[int]bool // flows whose last SYN failed, where it is by those
}

// pattern is what outcomes may follow without anybody knowing why.
type pattern uint8

const (
	byKind    pattern = iota // kind, role and look of the trial alone
	byHistory                // whether the flow has failed before, as well
	byTime                   // in which seconds of the run it is, as well
)

// span is how long outcomes that follow the time stay as they are.
const span = 2 * time.Second

// fresh is the weight of outcomes that were not seen yet (Krichevsky, Trofimov).
const fresh = 0.5

// likely are those that a trial of a kind may have at all.
func likely(k Kind) []Outcome {
	switch k {
	case SYN, Kernel:
		return []Outcome{Silence, Late, SYNACK, SlowSYNACK, Near, Reset, ResetNear, ResetToo, Challenge, WrongACK, Elsewhere, HostUnreachable, NoWay, Expired, Prohibited, RejectedByHost, SendRefused, NoRoom, Acked}
	case Local:
		return []Outcome{No, Yes}
	case ACK, FIN, Echo:
		return []Outcome{Silence, Reset, EchoReply, HostUnreachable, NoWay, Expired, Prohibited, RejectedByHost}
	case Trace:
		return []Outcome{TraceReaches, TraceDies, TraceForks, TraceLoops, TraceRefused, TraceNear, TraceSilent}
	}
	return []Outcome{Silence, Reset, WrongACK, Elsewhere, Acked, Lossy, LossyThere, LossyBack, SlowProgram, Ignored, ResetOnACK, ResetBy, LargeLost, LargeBack, TooBig, IdleDead, IdleReset, IdleClosed, ISNMoves, ISNStays, SYNACK, Challenge}
}

func (w *frequencies) key(t *Trial) [4]uint8 {
	if t.Kind == Local {
		return [4]uint8{uint8(t.Kind), uint8(t.Fact)}
	}
	return [4]uint8{uint8(t.Kind), uint8(t.Role), uint8(t.Look), w.circumstance(t)}
}

// circumstance is by what outcomes differ beside the trial itself.
func (w *frequencies) circumstance(t *Trial) uint8 {
	switch {
	case w.by == byHistory && w.failed[t.Flow]:
		return 1
	case w.by == byTime:
		return uint8(min(255, t.At/span))
	}
	return 0
}

func (w *frequencies) modes(t *Trial, into []weighted) []weighted {
	d := &dist{}
	counts := w.seen[w.key(t)]
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
		w.seen, w.failed = map[[4]uint8]*[outcomes]float64{}, map[int]bool{}
	}
	k := w.key(t)
	if w.seen[k] == nil {
		w.seen[k] = &[outcomes]float64{}
	}
	w.seen[k][t.Outcome]++
	if w.by == byHistory && t.opens(Target) {
		w.failed[t.Flow] = t.Outcome.fails()
	}
}

func (w *frequencies) clone() rule {
	c := &frequencies{by: w.by, seen: map[[4]uint8]*[outcomes]float64{}, failed: maps.Clone(w.failed)}
	if c.failed == nil {
		c.failed = map[int]bool{}
	}
	for k, v := range w.seen {
		n := *v
		c.seen[k] = &n
	}
	return c
}
