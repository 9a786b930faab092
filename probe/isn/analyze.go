package isn

import (
	"fmt"
	"math"
	"slices"
)

// Options of an analysis. The zero Options is the full one.
type Options struct {
	Shallow bool // the class only: what the sampler needs to decide on the ladder
}

// quadratic is how many samples the estimators that compare pairs look at.
const quadratic = 400

// Analyze says how the host chose the numbers in the samples, all of which are
// one host's answers on one port. It is pure: the same samples give the same
// report. With too few samples the class is ClassUnknown and the findings say
// what is missing.
func Analyze(samples []Sample, opts Options) Report {
	whole := newView(samples)
	r := Report{Samples: len(whole.points), Lost: whole.lost}
	if r.Samples < fewest {
		r.note("too-few-samples", Notice, fmt.Sprintf("Nothing can be said from %d answered samples; %d are the least, about 22 the default.", r.Samples, fewest),
			fmt.Sprintf("%d answered, %d lost", r.Samples, r.Lost))
		return r
	}
	shown := whole.shown()
	answer := classify(shown)
	r.adopt(answer)
	r.beHumble()
	if opts.Shallow {
		return r
	}
	if n := shown[draws].stale; n > 0 && r.Class != ClassSYNCookies && r.Class != ClassSYNProxy {
		r.flag(FlagStaleHalfOpen)
	}
	r.measure(shown, answer)
	r.remark(whole)
	return r
}

// The highest confidence in a class that rests on noise, or on a handful of
// equal steps or numbers, from fewer than leastRandom samples. The quick plan's answers on
// model hosts are right about so often.
const (
	quickNoise = 0.90
	quickStep  = 0.975
)

// beHumble lowers the confidence where few samples leave room for a class that
// more of them would show.
func (r *Report) beHumble() {
	if r.Samples >= leastRandom {
		return
	}
	switch r.Class {
	case ClassGlobalClock, ClassGlobalMixed, ClassTupleClock, ClassRandomIncrement, ClassTupleRandomIncrement, ClassMixed:
		r.Confidence = min(r.Confidence, quickNoise)
	case ClassGlobalStep, ClassConstant, ClassTupleConstant:
		r.Confidence = min(r.Confidence, quickStep)
	default:
		return
	}
	r.note("few-samples", Info, "Few samples: a step, a slow clock or several machines may hide in what looks like one generator, or like none.",
		fmt.Sprintf("%d samples", r.Samples))
}

// shown prepares what detectors of each sight are shown.
func (v *view) shown() map[sight]*view {
	head := v.head(quadratic)
	m := map[sight]*view{answers: head, draws: head.fresh()}
	m[crowd] = m[draws]
	if head != v {
		m[crowd] = v.fresh()
	}
	return m
}

// classify asks the detectors in turn.
func classify(shown map[sight]*view) verdict {
	for _, d := range detectors {
		if out, ok := d.detect(shown[d.sees]); ok {
			return out
		}
	}
	return verdict{}
}

// adopt copies a verdict into the report.
func (r *Report) adopt(v verdict) {
	r.Class, r.Variant, r.Confidence = v.class, v.variant, v.confidence
	r.Clock, r.Step, r.ServerMSS = v.clock, v.step, v.serverMSS
	r.Findings = append(r.Findings, v.notes...)
	r.Inputs = v.inputs
	for _, f := range v.flags {
		r.flag(f)
	}
	if v.line != nil {
		r.setLines(v.line)
	}
}

// setLines keeps where each group's line begins.
func (r *Report) setLines(l *line) {
	for g, group := range l.groups {
		at, _ := moment(group[0].sample)
		if rtt, ok := group[0].sample.RTT(); ok {
			at += int64(rtt) / 2
		}
		isn := float64(group[0].x) + l.offset[g]
		r.Lines = append(r.Lines, Line{Sample: group[0].index, At: float64(at), ISN: math.Mod(isn+space, space)})
	}
}

// measure fills in the numbers beside the class.
func (r *Report) measure(shown map[sight]*view, answer verdict) {
	v := shown[draws]
	groups := [][]point{v.points}
	if slices.Contains(r.Inputs, "port") {
		groups = v.repeated(2)
	}
	if g := commonDivisor(groups, divisorBits); g > 1 {
		r.GCD = Some(g)
	}
	if n, ok := nmapFigures(v); ok {
		r.Nmap = Some(n)
	}
	r.measureGuesses(v, shown[crowd], answer)
	slices.Sort(r.Inputs)
	r.Inputs = slices.Compact(r.Inputs)
}

// measureGuesses says how hard a new connection's number is to guess.
func (r *Report) measureGuesses(v, crowd *view, answer verdict) {
	if r.Class == ClassUnknown {
		return
	}
	g, ok := guesses(v, answer.next)
	if free, limited := answer.freeBits.Get(); limited {
		g, ok = min(cond(ok, g, blindGuesses), max(1, math.Exp2(free-1))), true
	}
	if ok {
		r.GuessesP50, r.Difficulty = Some(g), Some(math.Log2(g))
	}
	points := crowd.points
	shown := shownEntropy(points)
	if ok {
		shown = min(shown, math.Log2(g)+1)
	}
	if r.Class == ClassConstant || r.Class == ClassRepeating || answer.next != nil {
		shown = min(shown, cond(r.Class == ClassRepeating, math.Log2(float64(distinct(points))), 0))
	}
	r.EntropyBits = Some(max(shown, 0))
}

// cond is a where c holds, else b.
func cond(c bool, a, b float64) float64 {
	if c {
		return a
	}
	return b
}

// remark adds what the samples say beside the ISN, and what is missing.
func (r *Report) remark(v *view) {
	r.remarkBackends(v)
	if v.lost > 0 {
		r.note("lost-samples", Info, "Some SYNs were not answered; runs of direct successors are shorter for it.",
			fmt.Sprintf("%d of %d", v.lost, v.lost+len(v.points)))
	}
	if r.Class == ClassUnknown {
		r.note("undecided", Notice, "The samples fit no class well enough. "+missing(v), fmt.Sprintf("%d samples on %d tuples", len(v.points), len(v.tuples)))
	}
	r.remarkFace(v)
}

// missing names the samples that would decide.
func missing(v *view) string {
	switch {
	case !v.timed:
		return "Times are missing (sent_ns, received_ns): clocks cannot be seen."
	case len(v.tuples) < leastRandomPorts:
		return "More source ports would tell global from per-tuple generators."
	case longest(v.repeated(2)) < leastRandomSame:
		return "The same source port several times would show a clock or a cookie."
	case len(v.points) < leastRandom:
		return fmt.Sprintf("%d samples or more would tell a random generator from a weak one.", leastRandom)
	}
	return "A longer run may tell, or several machines answer for this address."
}

// remarkBackends flags answers to equal SYNs that differ in what one host does
// not vary: TTL, window, MSS, window scale.
func (r *Report) remarkBackends(v *view) {
	type face struct {
		ttl    Opt[uint8]
		mss    Opt[uint16]
		wscale Opt[uint8]
	}
	seen := make(map[Opt[Offer]]map[face]int)
	plain := v.unladdered()
	for i := range plain {
		s := plain[i].sample
		f := face{s.TTL, s.MSS, s.WScale}
		if seen[s.Offer] == nil {
			seen[s.Offer] = make(map[face]int)
		}
		seen[s.Offer][f]++
	}
	for _, faces := range seen {
		if len(faces) > 1 {
			r.flag(FlagMultiBackend)
			r.note("different-faces", Notice, "SYN-ACKs differ in TTL or options though our SYNs were equal: several machines answer.", fmt.Sprintf("%d kinds", len(faces)))
			return
		}
	}
}
