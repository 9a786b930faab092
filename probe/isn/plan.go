package isn

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// The series of the sampling plan. They are labels: the analysis reads what
// varied from the samples themselves.
const (
	SeriesSameTuple     = "same-tuple"
	SeriesVariedPort    = "varied-port"
	SeriesVariedAddress = "varied-address"
	SeriesOptions       = "options"
	SeriesLong          = "long"
	SeriesMany          = "many"
)

// Step is one SYN of a plan. The sampler runs steps one after the other: wait
// Pause after the end of the exchange before (its answer and our exact RST,
// or its time-out), then send.
type Step struct {
	Series  string
	Pause   time.Duration
	Addr    int  // index among the sampler's source addresses
	Port    int  // index among its held source ports
	SameISN bool // use the ladder's one client ISN; otherwise a fresh random one
	Offer   Offer
}

// Plan is a sampling plan: every SYN, its tuple, its options and its pause,
// decided without a network. What its samples leave undecided, [Plan.Next] asks.
type Plan struct {
	Steps []Step
	Quick bool // too short to carry a ladder
}

// PlanConfig scales a plan. The zero PlanConfig is the default plan: 22 SYNs,
// about 8 s, and a ladder of 8 where the samples call for it.
type PlanConfig struct {
	Samples   int           // SYNs of same-tuple and varied-port together; 0 = 22
	Budget    time.Duration // pauses of the plan in sum; 0 = as the plan has them
	Addresses int           // source addresses that the sampler has; varied-address needs 2
	Ports     int           // SYNs of the many series, each from a port of its own; 0 = 256
	Series    []string      // which series; nil = same-tuple, varied-port and, with two addresses, varied-address
	Offer     Offer         // the baseline; zero = the common MSS 1460, SACK, timestamps, window scale 7
}

// baseline is what most stacks offer, so that nothing stands out.
func baseline() Offer {
	return Offer{MSS: 1460, WScale: Some[uint8](7), SACK: true, Timestamps: true}
}

// The pauses of the two main series, in milliseconds. Both hold back-to-back
// SYNs beside long gaps: with a uniform spacing the count of connections and
// the time are collinear, and a step could not be told from a rate.
// varied-port opens with six SYNs 100 ms apart, which are nmap's.
var (
	samePauses   = []int{0, 0, 250, 0, 1000, 250, 0, 3000}
	variedPauses = []int{0, 100, 100, 100, 100, 100, 0, 0, 1000, 0, 250, 0}
	tailPauses   = []int{500, 0} // same-tuple again at the end: a longer base for its clock
	quickSame    = []int{0, 0, 200, 50}
	quickVaried  = []int{0, 0, 200, 50}
)

// NewPlan lays out the series that the configuration asks for.
func NewPlan(cfg PlanConfig) Plan {
	if cfg.Offer == (Offer{}) {
		cfg.Offer = baseline()
	}
	var p Plan
	if cfg.wants(SeriesSameTuple) || cfg.wants(SeriesVariedPort) {
		p.Steps = cfg.main()
	}
	if cfg.wants(SeriesVariedAddress) && cfg.Addresses > 1 {
		p.Steps = append(p.Steps, cfg.addresses()...)
	}
	if cfg.wants(SeriesLong) {
		p.Steps = append(p.Steps, cfg.repeat(SeriesLong, 20, 7*time.Second, 0)...)
	}
	if cfg.wants(SeriesMany) {
		p.Steps = append(p.Steps, cfg.repeat(SeriesMany, cfg.many(), 0, 1)...)
	}
	p.fit(cfg.Budget)
	return p
}

// QuickPlan is 4 + 4 SYNs in about half a second. It can tell constants,
// counters, clocks and cookies; it cannot tell a weak generator from a good one.
func QuickPlan() Plan {
	cfg := PlanConfig{Offer: baseline()}
	steps := cfg.series(SeriesSameTuple, quickSame, 0)
	return Plan{Steps: append(steps, cfg.series(SeriesVariedPort, quickVaried, 1)...), Quick: true}
}

// wants reports whether the series was asked for; long and many have to be named.
func (cfg *PlanConfig) wants(series string) bool {
	if cfg.Series == nil {
		return series != SeriesLong && series != SeriesMany && series != SeriesOptions
	}
	return slices.Contains(cfg.Series, series)
}

// many is the number of SYNs, and of ports, of the many series.
func (cfg *PlanConfig) many() int {
	if cfg.Ports > 0 {
		return cfg.Ports
	}
	return 256
}

// main interleaves the same tuple and the varied ports: same, varied, same.
func (cfg *PlanConfig) main() []Step {
	total := cmp.Or(max(cfg.Samples, 0), len(samePauses)+len(tailPauses)+len(variedPauses))
	same, varied := total*10/22, total-total*10/22
	if !cfg.wants(SeriesVariedPort) {
		same, varied = total, 0
	}
	if !cfg.wants(SeriesSameTuple) {
		same, varied = 0, total
	}
	tail := min(len(tailPauses), same/4)
	steps := cfg.series(SeriesSameTuple, cycle(samePauses, same-tail), 0)
	steps = append(steps, cfg.series(SeriesVariedPort, cycle(variedPauses, varied), 1)...)
	return append(steps, cfg.series(SeriesSameTuple, cycle(tailPauses, tail), 0)...)
}

// cycle repeats the pattern up to n values.
func cycle(pattern []int, n int) []int {
	out := make([]int, max(n, 0))
	for i := range out {
		out[i] = pattern[i%len(pattern)]
	}
	return out
}

// series lays out SYNs with the pauses in milliseconds. firstPort 0 keeps to
// port 0; otherwise every SYN has the next port.
func (cfg *PlanConfig) series(name string, pauses []int, firstPort int) []Step {
	steps := make([]Step, len(pauses))
	for i, ms := range pauses {
		port := 0
		if firstPort > 0 {
			port = firstPort + i
		}
		steps[i] = Step{Series: name, Pause: time.Duration(ms) * time.Millisecond, Port: port, Offer: cfg.Offer}
	}
	return steps
}

// repeat lays out n SYNs of one spacing.
func (cfg *PlanConfig) repeat(name string, n int, pause time.Duration, firstPort int) []Step {
	return cfg.series(name, cycle([]int{int(pause / time.Millisecond)}, n), firstPort)
}

// addresses visits port 0 from each further address twice, and port 1 once.
func (cfg *PlanConfig) addresses() []Step {
	var steps []Step
	for addr := 1; addr < min(cfg.Addresses, 4); addr++ {
		for _, port := range []int{0, 0, 1} {
			steps = append(steps, Step{Series: SeriesVariedAddress, Addr: addr, Port: port,
				Pause: 100 * time.Millisecond, Offer: cfg.Offer})
		}
	}
	return steps
}

// Duration is the sum of the pauses: what the plan takes beside its round trips.
func (p Plan) Duration() time.Duration {
	var d time.Duration
	for _, s := range p.Steps {
		d += s.Pause
	}
	return d
}

// Ports returns how many source ports the plan needs.
func (p Plan) Ports() int {
	n := 0
	for _, s := range p.Steps {
		n = max(n, s.Port+1)
	}
	return n
}

// fit shrinks the pauses into the budget, keeping their proportions; a budget
// longer than the plan changes nothing.
func (p *Plan) fit(budget time.Duration) {
	total := p.Duration()
	if budget <= 0 || total <= budget {
		return
	}
	scale := float64(budget) / float64(total)
	for i := range p.Steps {
		p.Steps[i].Pause = time.Duration(math.Floor(float64(p.Steps[i].Pause) * scale))
	}
}

// Next returns up to eight SYNs more, those that separate best what the plan's
// samples leave undecided: the options ladder for a value that is constant for a
// tuple, a cookie, or what looks random and may answer to our options; the same
// tuple again where a second machine may have answered; SYNs one right after the
// other and after pauses where a step, a clock and random steps are left. It returns
// nil where one class stands clear, and for a quick plan.
func (p Plan) Next(samples []Sample) []Step {
	if p.Quick || len(p.Steps) == 0 {
		return nil
	}
	r := Analyze(samples, Options{Shallow: true})
	base := PlanConfig{Offer: p.Steps[0].Offer}
	switch {
	case laddered[r.Class]:
		return LadderSteps(base.Offer)
	case r.Confidence >= clear:
		return nil
	case r.Class == ClassTupleClock, r.Class == ClassTupleRandomIncrement, r.RunnerUp == ClassMixed:
		return base.series(SeriesSameTuple, separateMachines, 0)
	}
	return base.series(SeriesVariedPort, separateGrowth, 1)
}

// clear is the confidence from which nothing more is asked.
const clear = 0.9

// laddered are the classes that the options ladder tells more of.
var laddered = map[Class]bool{ClassConstant: true, ClassTupleConstant: true, ClassSYNCookies: true, ClassSYNProxy: true,
	ClassRandom: true, ClassWeakRandom: true, ClassMixed: true, ClassUnknown: true}

// The pauses, in milliseconds, of the SYNs that separate machines, and kinds of
// growth: a slow timer ticks in the longest, nobody else connects in the shortest.
var (
	separateMachines = []int{0, 20, 20, 20, 100, 20, 20, 20}
	separateGrowth   = []int{0, 0, 600, 0, 0, 250, 1100, 0}
)

// LadderSteps is the ladder itself: base at four MSS values, then without each
// of the other options, then the first SYN again, which a cookie answers with
// the first ISN again and a generator does not.
func LadderSteps(base Offer) []Step {
	offers := make([]Offer, 0, 8)
	for _, mss := range []uint16{1460, 1440, 1300, 536} {
		o := base
		o.MSS = mss
		offers = append(offers, o)
	}
	top := offers[0]
	noScale, noSACK, noTS := top, top, top
	noScale.WScale, noSACK.SACK, noTS.Timestamps = Opt[uint8]{}, false, false
	offers = append(offers, noScale, noSACK, noTS, top)
	steps := make([]Step, len(offers))
	for i, o := range offers {
		steps[i] = Step{Series: SeriesOptions, Pause: 20 * time.Millisecond, SameISN: true, Offer: o}
	}
	return steps
}
