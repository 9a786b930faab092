package why

import (
	"math"
	"math/rand/v2"
)

// loss is how probable it is that a packet of ours, or an answer, is lost by chance.
type loss struct{ out, back float64 }

// hypothesis is a cause with one setting of its parameters.
type hypothesis struct {
	cause   *Cause
	variant int     // of the cause
	log     float64 // log of its prior and of the probability of all trials so far
	loss    loss
	rules   []rule
	lent    []bool // which rules are those of another hypothesis, until they learn

	modes   []weighted // of one trial, reused
	scratch *scratch   // of all hypotheses of a run
}

// scratch is reused memory for modes within modes.
type scratch struct {
	depth int
	like  [6][8]float64
	modes [6][8]weighted
}

// down gives room for one level more.
func (s *scratch) down() (like []float64, modes []weighted) {
	d := s.depth
	if s.depth++; d >= len(s.like) {
		return make([]float64, 0, 8), make([]weighted, 0, 8)
	}
	return s.like[d][:0], s.modes[d][:0]
}

func (s *scratch) up() { s.depth-- }

// apply finds the rule for a trial, -1 where there is none, and its modes. For a mode
// that is as usual the average of the usual rules stands.
func (h *hypothesis) apply(t *Trial) (rule int, modes []weighted) {
	rule, modes = h.usualModes(-1, t, h.modes[:0])
	h.modes = modes
	return rule, modes
}

// usualModes are the modes of a trial by the rules after one.
func (h *hypothesis) usualModes(after int, t *Trial, into []weighted) (int, []weighted) {
	for i, r := range h.rules[after+1:] {
		if modes := r.modes(t, into); len(modes) > 0 {
			return after + 1 + i, modes
		}
	}
	return -1, into
}

// learn takes a trial in, and returns how probable its outcome was after those before it.
func (h *hypothesis) learn(t *Trial) (probability float64) {
	r, modes := h.apply(t)
	if r < 0 {
		return 1
	}
	return h.weigh(r, modes, t, surroundings{scale: 1, learn: true})
}

// surroundings are the modes outside a rule: their probability together is other, and
// what the rule says has the weight scale.
type surroundings struct {
	other, scale float64
	learn        bool
}

// weigh is the probability of a trial by a rule and those behind it.
func (h *hypothesis) weigh(r int, modes []weighted, t *Trial, in surroundings) float64 {
	like, nested := h.scratch.down()
	defer h.scratch.up()
	sum, usual := 0.0, 0.0
	for _, w := range modes {
		p := 0.0
		switch {
		case w.lost > 0:
			p = h.lossier(w.lost, r, t, nested)
		case w.d == nil:
			usual += w.p
		default:
			p = h.observe(w.d, t)
		}
		like = append(like, p)
		sum += w.p * p
	}
	if usual > 0 {
		p := h.usual(r, t, nested, surroundings{in.other + in.scale*sum, in.scale * usual, in.learn})
		sum += usual * p
		for i, w := range modes {
			if w.d == nil && w.lost == 0 {
				like[i] = p
			}
		}
	}
	if in.learn {
		for i := range like {
			like[i] = in.other + in.scale*like[i]
		}
		h.own(r).learn(t, like)
	}
	return sum
}

// own is a rule of the hypothesis that may learn: in place of one that was lent, from
// here on, a clone of it. Of a trial few rules learn, so few are cloned.
func (h *hypothesis) own(r int) rule {
	if h.lent != nil && h.lent[r] {
		h.rules[r], h.lent[r] = h.rules[r].clone(), false
	}
	return h.rules[r]
}

// lossier is the probability of a trial that goes as usual, on a path to the host that
// loses more.
func (h *hypothesis) lossier(lost float64, after int, t *Trial, nested []weighted) float64 {
	own := h.loss
	h.loss.out = 1 - (1-own.out)*(1-lost)
	p := h.usual(after, t, nested, surroundings{scale: 1})
	h.loss = own
	return p
}

func (h *hypothesis) usual(after int, t *Trial, into []weighted, in surroundings) float64 {
	r, modes := h.usualModes(after, t, into)
	if r < 0 {
		return 1
	}
	return h.weigh(r, modes, t, in)
}

// observe is the probability of a trial's outcome where d is its distribution without
// losses.
func (h *hypothesis) observe(d *dist, t *Trial) float64 {
	seen := 0.0
	for _, o := range meanings(t) {
		seen += h.lossy(d, t.Kind, o)
	}
	return (1-floor*float64(outcomes))*seen + floor
}

// meanings are the outcomes that the observed one may stand for.
func meanings(t *Trial) []Outcome {
	switch {
	case t.Outcome == TraceEnds:
		return []Outcome{TraceReaches, TraceDies, TraceForks}
	case t.Outcome == Reset && t.vague():
		return []Outcome{Reset, ResetNear}
	case t.Outcome == SYNACK && t.vague():
		return []Outcome{SYNACK, Near}
	case t.Outcome == Lossy && t.directionUnknown:
		return []Outcome{Lossy, LossyThere, LossyBack}
	}
	return single[t.Outcome : t.Outcome+1]
}

var single = func() (list [outcomes]Outcome) {
	for i := range list {
		list[i] = Outcome(i)
	}
	return list
}()

// repeats is how probable it is that a host's retransmitted SYN-ACK is waited for, and comes.
const repeats = 0.95

// lossy is the probability of an outcome with packets lost by chance.
func (h *hypothesis) lossy(d *dist, k Kind, o Outcome) float64 {
	out, back := h.loss.out, h.loss.back
	if out == 0 && back == 0 || k == Local {
		return d[o]
	}
	switch k {
	case SYN:
		answered := d.synacks()
		both := (1 - out) * (1 - back)
		late := (1 - out) * back * (1 - back) * repeats * answered
		switch o {
		case Silence:
			lost := out + (1-out)*back
			return d[Silence] + (1-d[Silence])*lost - late
		case Late:
			return d[Late]*both + late
		}
		return d[o] * both
	case ACK, FIN, Echo:
		both := (1 - out) * (1 - back)
		if o == Silence {
			return d[Silence] + (1-d[Silence])*(1-both)
		}
		return d[o] * both
	case Kernel:
		lost := 1 - (1-out)*(1-back)
		return mixSilence(d, o, lost*lost)
	case Trace:
		return h.lossyTrace(d, o)
	}
	return turned(h.lossyConnection(d, k, o), o, Silence, h.silence(k))
}

// synacks is the probability of a SYN-ACK.
func (d *dist) synacks() float64 { return d[SYNACK] + d[SlowSYNACK] + d[Near] }

func mixSilence(d *dist, o Outcome, lost float64) float64 {
	if o == Silence {
		return d[o] + (1-d[o])*lost
	}
	return d[o] * (1 - lost)
}

// turned is the probability of an outcome where with the probability p another comes instead.
func turned(d float64, o, other Outcome, p float64) float64 {
	if o == other {
		return d + (1-d)*p
	}
	return d * (1 - p)
}

// silence is the probability that the SYN of a connection's trial is not answered: it is
// sent once; a lost SYN-ACK is retransmitted and costs no more than time.
func (h *hypothesis) silence(k Kind) float64 {
	out, back := h.loss.out, h.loss.back
	silent := out + (1-out)*back*(back+(1-back)*(1-repeats))
	if k == Reuse { // two SYNs, one after the other
		return 1 - (1-silent)*(1-silent)
	}
	return silent
}

// lossyConnection is the probability of an outcome of a connection whose SYN was
// answered. Bytes are retransmitted; of what is never acknowledged nobody knows why.
func (h *hypothesis) lossyConnection(d *dist, k Kind, o Outcome) float64 {
	lost := 1 - (1-h.loss.out)*(1-h.loss.back)
	never := lost * lost * lost
	switch k {
	case Connect:
		late := h.loss.back * h.loss.back * h.loss.back // what the program sent was lost, and its retransmission
		return turned(turned(h.lossyBytes(d, o), o, SlowProgram, late), o, Ignored, never)
	case Hold: // the third ACK was lost, so was the byte, and the retransmitted SYN-ACK came
		p := turned(d[o], o, Ignored, h.loss.out*(1-h.loss.back)*lost)
		if refused := d[ResetOnACK] + d[Ignored]; o == Acked { // the segment that shows it was lost
			p += refused * h.loss.back
		}
		return p
	case Idle:
		return turned(turned(d[o], o, IdleDead, never), o, Ignored, never)
	case Large:
		return turned(turned(d[o], o, LargeLost, never), o, Ignored, never)
	}
	return d[o]
}

// lossyBytes shares out what would have worked by what became of its bytes.
func (h *hypothesis) lossyBytes(d *dist, o Outcome) float64 {
	clean, there, back := h.bytes()
	switch o {
	case Acked:
		return d[o] * clean
	case LossyThere:
		return d[o] + d[Acked]*there
	case LossyBack:
		return d[o] + d[Acked]*back
	case Lossy:
		return d[o] + d[Acked]*(1-clean-there-back)
	}
	return d[o]
}

// bytes are the probabilities that no byte of a connection is sent twice; that some
// are, and all of them because they were lost; and that all because their ACKs were. The
// first copy of a byte that arrives is acknowledged at once with 1-back; copies
// before it were lost. Of a byte that is never acknowledged nobody knows which.
func (h *hypothesis) bytes() (clean, there, back float64) {
	o, b := h.loss.out, h.loss.back
	clean = math.Pow((1-o)*(1-b), connectBytes)
	there = math.Pow(1-b, connectBytes) - clean
	back = math.Pow(1-o*(1-b), connectBytes) - clean
	lost := 1 - (1-o)*(1-b)
	known := traceable * math.Pow(1-lost*lost*lost, connectBytes)
	return clean, there * known, back * known
}

// traceable is how often it is known of all bytes on which way they were lost.
const traceable = 0.85

// connectBytes is how many bytes a connection sends, one after the other.
const connectBytes = 5

// lossyTrace: the last hops of a trace may be lost.
func (h *hypothesis) lossyTrace(d *dist, o Outcome) float64 {
	lost := 1 - (1-h.loss.out)*(1-h.loss.back)
	if o == TraceDies {
		return d[o] + d[TraceReaches]*lost
	}
	if o == TraceReaches {
		return d[o] * (1 - lost)
	}
	return d[o]
}

// take takes a trial in, and into the log of all.
func (h *hypothesis) take(t *Trial) { h.log += math.Log(h.learn(t)) }

// clone is a copy that learns independently; h must not learn as long as it is used.
func (h *hypothesis) clone() *hypothesis { return h.cloneInto(&hypothesis{}) }

// cloneInto is clone with the memory of a hypothesis that is not used any more.
func (h *hypothesis) cloneInto(c *hypothesis) *hypothesis {
	rules, lent := append(c.rules[:0], h.rules...), c.lent[:0]
	for range rules {
		lent = append(lent, true)
	}
	*c = hypothesis{cause: h.cause, variant: h.variant, log: h.log, loss: h.loss, scratch: h.scratch, modes: c.modes, rules: rules, lent: lent}
	return c
}

// draw is an outcome that the hypothesis thinks possible.
func (h *hypothesis) draw(t *Trial, rng *rand.Rand) Outcome {
	own := h.loss
	defer func() { h.loss = own }()
	r, modes := h.apply(t)
	w := pick(modes, rng)
	for w.d == nil && r >= 0 {
		h.loss.out = 1 - (1-h.loss.out)*(1-w.lost)
		r, modes = h.usualModes(r, t, h.modes[:0])
		w = pick(modes, rng)
	}
	if w.d == nil {
		return NotMade
	}
	at := rng.Float64()
	for o := Silence; o < outcomes; o++ {
		if w.d[o] == 0 && !comesOfLoss(o) {
			continue
		}
		if at -= h.lossy(w.d, t.Kind, o); at < 0 {
			return t.asSeen(o)
		}
	}
	return Silence
}

// comesOfLoss reports whether lost packets alone can make an outcome.
func comesOfLoss(o Outcome) bool {
	switch o {
	case Silence, Late, Lossy, LossyThere, LossyBack, SlowProgram, Ignored, LargeLost, IdleDead, TraceDies:
		return true
	}
	return false
}

// asSeen is what an outcome looks like where nobody knows how far the host is, or
// which way bytes are lost.
func (t *Trial) asSeen(o Outcome) Outcome {
	switch {
	case t.unplaced && o == Near:
		return SYNACK
	case t.unplaced && o == ResetNear:
		return Reset
	case t.directionUnknown && (o == LossyThere || o == LossyBack):
		return Lossy
	}
	return o
}

// pick draws one of the modes; the zero value where there is none.
func pick(modes []weighted, rng *rand.Rand) weighted {
	at := rng.Float64()
	for _, w := range modes {
		if at -= w.p; at < 0 {
			return w
		}
	}
	return weighted{}
}
