// Package evaluate measures package isn against model hosts: how often the
// class is right, whether the confidence means what it says, and whether the
// intervals of clock rates hold the true rate.
package evaluate

import (
	"math"
	"math/rand/v2"
	"os"
	"time"

	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// Config says which hosts are drawn. Host i has the seed First + i·Stride, so
// that one half of the seeds can be used for tuning and the other for the
// report.
type Config struct {
	Hosts  int
	First  uint64
	Stride uint64
	Jitter time.Duration // mean extra delay each way
	Quick  bool          // the quick plan
	Blind  bool          // the offers of our SYNs are forgotten, as in a file of the 13 common columns
}

// Long names the environment variable that makes tests as long as the published
// figures ask for, in place of what fits into a minute.
const Long = "SYNSCOPE_LONG"

// FirstSeed is the first of a test's hosts, odd: always the same, since few hosts say
// little about shares; with Long set another each time.
func FirstSeed() uint64 {
	if os.Getenv(Long) != "" {
		return rand.Uint64N(1<<40)*2 + 1
	}
	return 900_001
}

// Many is how many of something a test tries: few, or with Long set many.
func Many(few, many int) int {
	if os.Getenv(Long) != "" {
		return many
	}
	return few
}

// plan is the sampling plan of the configuration.
func (cfg *Config) plan() isn.Plan {
	if cfg.Quick {
		return isn.QuickPlan()
	}
	return isn.NewPlan(isn.PlanConfig{})
}

// Outcome is one host: what it was and what the analysis said.
type Outcome struct {
	Seed   uint64
	Truth  simhost.Truth
	Path   simhost.Path
	Report isn.Report
}

// Right reports whether the class was found.
func (o *Outcome) Right() bool { return o.Report.Class == o.Truth.Class }

// Host draws, samples and analyses the host of one seed.
func Host(seed uint64, cfg Config) (Outcome, []isn.Sample) {
	rng := rand.New(rand.NewPCG(seed, uint64(cfg.Jitter)))
	classes := simhost.Drawable()
	host := simhost.Draw(classes[rng.IntN(len(classes))], rng)
	path := simhost.DrawPath(cfg.Jitter, rng)
	samples := simhost.Sample(cfg.plan(), host, path, rng)
	for i := range samples {
		if cfg.Blind {
			samples[i].Offer = isn.Opt[isn.Offer]{}
		}
	}
	return Outcome{seed, host.Truth, path, isn.Analyze(samples, isn.Options{})}, samples
}

// Result sums up many outcomes.
type Result struct {
	Hosts     int
	Right     int
	Unknown   int
	Confident int // wrong with confidence above 0.9
	Matrix    map[isn.Class]map[isn.Class]int
	Variants  [2]int // cookies with the right variant, all cookies found
	Bins      []Bin
	Clocks    int // right classes with a clock and an interval
	Held      int // of them, intervals that hold the true rate
	Nominal   int // nominal rates named
	Misnamed  int // of them, wrong by more than 1 %
	Wrong     []Outcome
	Took      time.Duration
}

// Run evaluates all hosts of the configuration.
func Run(cfg Config) Result {
	r := Result{Matrix: make(map[isn.Class]map[isn.Class]int), Bins: newBins()}
	start := time.Now()
	for i := range cfg.Hosts {
		o, _ := Host(cfg.First+uint64(i)*cfg.Stride, cfg)
		r.add(o)
	}
	r.Took = time.Since(start)
	return r
}

// add counts one outcome.
func (r *Result) add(o Outcome) {
	r.Hosts++
	row := r.Matrix[o.Truth.Class]
	if row == nil {
		row = make(map[isn.Class]int)
		r.Matrix[o.Truth.Class] = row
	}
	row[o.Report.Class]++
	switch {
	case o.Right():
		r.Right++
		r.addRight(&o)
	case o.Report.Class == isn.ClassUnknown:
		r.Unknown++
	case o.Report.Confidence > 0.9:
		r.Confident++
	}
	if !o.Right() {
		r.Wrong = append(r.Wrong, o)
	}
	if o.Report.Class != isn.ClassUnknown {
		enter(r.Bins, o.Report.Confidence, o.Right())
	}
}

// addRight counts what else a right answer got right.
func (r *Result) addRight(o *Outcome) {
	if o.Truth.Variant != "" {
		r.Variants[1]++
		if o.Truth.Variant == o.Report.Variant {
			r.Variants[0]++
		}
	}
	c, ok := o.Report.Clock.Get()
	if !ok || o.Truth.Hz == 0 || o.Truth.Class == isn.ClassMixed {
		return
	}
	r.Clocks++
	if c.Low <= o.Truth.Hz && o.Truth.Hz <= c.High {
		r.Held++
	}
	if c.Nominal != 0 {
		r.Nominal++
		if math.Abs(c.Nominal/o.Truth.Hz-1) > 0.01 {
			r.Misnamed++
		}
	}
}

// Calibration is that of the ranges of confidence.
func (r *Result) Calibration() float64 { return calibration(r.Bins) }
