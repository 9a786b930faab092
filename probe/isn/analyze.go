package isn

import (
	"fmt"
	"math"
	"slices"
)

// Options of an analysis. The zero Options is the full one.
type Options struct {
	Shallow bool // the class only: what the sampler needs to decide what to ask next

	// ClockOnly compares models of a clock and of nothing else, for a caller who wants to
	// read that clock. Where the samples are evenly spaced, jitter looks like a step for
	// each connection, and would become part of the model. The report has no Clock where
	// none explains the numbers.
	ClockOnly bool
}

const (
	// quadratic is about how many samples models are proposed from.
	quadratic = 400
	// mostCompared is about how many samples models are compared on.
	mostCompared = 10_000
	// fewest is the number of samples below which nothing is said at all.
	fewest = 3
	// leastConfidence is what a class needs to be named.
	leastConfidence = 0.51
)

// Analyze says how the host chose the numbers in the samples, all of which are
// one host's answers on one port. It is pure: the same samples give the same
// report. With too few samples the class is ClassUnknown and the findings say
// what is missing.
func Analyze(samples []Sample, opts Options) Report {
	whole := newView(samples)
	r := Report{Samples: len(whole.points), Lost: whole.lost, Twice: whole.twice}
	if r.Samples < fewest {
		r.note("too-few-samples", Notice, fmt.Sprintf("Nothing can be said from so few answers; %d are the least, about 22 the default.", fewest),
			fmt.Sprintf("%d answered, %d lost", r.Samples, r.Lost))
		r.remarkTwice()
		return r
	}
	v := whole.part(mostCompared, byTuple, byPort, byTuple|byClient)
	list := compare(v)
	if v != whole {
		list = counted(whole, v, list)
		r.note("compared-part", Info, "Models were compared on a part of the samples that holds every address and stretches of direct successors.",
			fmt.Sprintf("%d of %d", len(v.points), len(whole.points)))
	}
	plain := v
	other, standings, how := v.decoded(list)
	if other != nil {
		v, list = other, standings
	}
	if opts.ClockOnly {
		if list = v.clocks(list); len(list) == 0 {
			return r
		}
	}
	top := list[0]
	answer := top.verdict()
	answer.sharpen(v, list)
	r.decide(v, list, &answer)
	r.adopt(answer)
	if other != nil {
		r.noteEncoding(how)
	}
	if opts.Shallow {
		return r
	}
	r.claim(v, list)
	r.measure(plain, top, answer)
	r.tabulate(v, top)
	r.remark(v)
	return r
}

// clockBits is how many bits a number may cost on average for a clock to explain them; one
// that is not explained costs 32.
const clockBits = 26

// clocks are the models of a clock alone that explain the numbers.
func (v *view) clocks(list []*standing) []*standing {
	return slices.DeleteFunc(slices.Clone(list), func(s *standing) bool {
		return s.class != ClassGlobalClock && s.class != ClassTupleClock || s.bits > clockBits*float64(len(v.points))
	})
}

// The highest confidence in a class that rests on noise, or on a handful of
// equal steps or numbers, from fewer than leastRandom samples. The quick plan's answers on
// model hosts are right about so often.
const (
	quickNoise = 0.89
	quickStep  = 0.975
)

// decide names the class and how sure it is, and what it may be as well.
func (r *Report) decide(v *view, list []*standing, answer *verdict) {
	top := list[0]
	r.Class, r.Confidence = answer.class, surest
	if next := rivalTo(list); next != nil {
		r.RunnerUp, r.BitsBetween = next.class, next.bits-top.bits
		r.Confidence = posterior(r.BitsBetween)
	}
	for _, s := range list[:min(len(list), mostStandings)] {
		if !math.IsInf(s.bits, 1) {
			r.Standings = append(r.Standings, Standing{Class: s.class, Model: s.describe(), Bits: s.bits})
		}
	}
	left := make(map[Class]float64)
	for _, d := range v.doubts(top) {
		r.doubt(d, left)
	}
	r.beHumble()
	if r.Confidence < leastConfidence {
		r.withhold()
	}
}

// mostStandings is how many models a report lists.
const mostStandings = 6

// describe names the model in words.
func (s *standing) describe() string {
	name := s.name
	if s.found.variant != "" {
		name = s.found.variant
	}
	if s.key == 0 {
		return name
	}
	return name + " for each " + s.key.String()
}

// doubt lowers the confidence, and says why. Doubts about other classes add up: left is
// what each class has of the chance so far.
func (r *Report) doubt(d doubt, left map[Class]float64) {
	other := d.classes[len(d.classes)-1]
	left[other] = max(left[other], 1-d.most)
	most := 1.0
	for _, chance := range left {
		most -= chance
	}
	if most = max(most, 0); most >= r.Confidence {
		return
	}
	r.Confidence = most
	if most == 0 {
		r.note("undecided", Notice, fmt.Sprintf("These samples cannot tell %s: that would take %s.", d.words(), d.missing), "")
		return
	}
	if d.missing != "" {
		r.note("less-sure", Info, fmt.Sprintf("It may be %s: telling them apart would take %s.", d.words(), d.missing), "")
	}
}

// withhold makes the class unknown.
func (r *Report) withhold() {
	said := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Code == "undecided" })
	if !said {
		d := doubt{classes: []Class{r.Class, r.RunnerUp}}
		r.note("undecided", Notice, fmt.Sprintf("These samples do not decide between %s; more of them would.", d.words()), fmt.Sprintf("%.1f bits between the two", r.BitsBetween))
	}
	r.Class, r.Confidence = ClassUnknown, 0
}

// beHumble lowers the confidence where there are so few samples that another class may not
// show yet.
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

// adopt copies a verdict into the report. What was measured stays even where the class is
// withheld: a clock is measured whether or not it is known who shares it.
func (r *Report) adopt(a verdict) {
	r.Clock, r.Lines = a.clock, a.lines
	for _, f := range a.flags {
		r.flag(f)
	}
	if r.Class == ClassUnknown {
		return
	}
	r.Variant, r.Step, r.ServerMSS, r.Machines = a.variant, a.step, a.serverMSS, a.machines
	r.Findings = append(r.Findings, a.notes...)
	if a.nominal != "" {
		c := a.clock.Value
		r.note("clock-rate", Info, "The rate is the one of "+a.nominal+".", fmt.Sprintf("%.1f to %.1f counts a second", c.Low, c.High))
	}
	r.Inputs = append(r.Inputs, a.inputs...)
}

// measure fills in the numbers beside the class.
func (r *Report) measure(v *view, top *standing, answer verdict) {
	fresh := v.fresh()
	if fresh.stale+v.again > 0 && r.Class != ClassSYNCookies && r.Class != ClassSYNProxy && r.Class != ClassTupleConstant {
		r.flag(FlagStaleHalfOpen)
	}
	if g := commonDivisor(fresh.gaps(top.key), divisorBits); g > 1 {
		r.GCD = Some(g)
	}
	if n, ok := nmapFigures(fresh); ok {
		r.Nmap = Some(n)
	}
	if r.Class != ClassUnknown {
		r.guess(v, top, answer)
	}
	slices.Sort(r.Inputs)
	r.Inputs = slices.Compact(r.Inputs)
}

// CodeTwice is the code of the finding that a SYN was answered by two SYN-ACKs with different numbers.
const CodeTwice = "answered-twice"

// remarkTwice tells of such SYNs.
func (r *Report) remarkTwice() {
	if r.Twice > 0 {
		r.note(CodeTwice, Notice, "SYN-ACKs with different numbers answered one SYN: several machines have this address, or something on the way copies SYNs, "+
			"so that the host answered anew after our RST. The first answer of each is the sample.",
			fmt.Sprintf("%d of %d SYNs", r.Twice, r.Samples+r.Lost))
	}
}

// remark adds what the samples say beside the ISN, and what is missing.
func (r *Report) remark(v *view) {
	r.remarkBackends(v)
	r.remarkTwice()
	if v.lost > 0 {
		r.note("lost-samples", Info, "Some SYNs were not answered; runs of direct successors are shorter for it.",
			fmt.Sprintf("%d of %d", v.lost, v.lost+len(v.points)))
	}
	r.remarkFace(v)
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
