package htmlreport

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"synscope/craft"
	"synscope/internal/explain"
	"synscope/internal/plot"
	"synscope/internal/report/units"
	"synscope/probe"
	"synscope/probe/isn"
)

// Limits on what is kept and drawn of sequence numbers.
const (
	mostSampled  = 64    // hosts of a run
	mostSamples  = 2_048 // of a host
	mostPictures = 24    // of the report
)

// numberBook is the sequence numbers of a run by the place that chose them.
type numberBook struct{ book[place, numbers] }

type numbers struct {
	place   place
	samples []isn.Sample
	omitted int
	result  *isnRecord // nil where the run did not come to it
}

func (b *numberBook) get(p place) *numbers {
	return b.entry(p, mostSampled, func() *numbers { return &numbers{place: p} })
}

func (b *numberBook) takeSample(s *sampleRecord) {
	n := b.get(s.place)
	switch {
	case n == nil:
	case len(n.samples) == mostSamples:
		n.omitted++
	default:
		n.samples = append(n.samples, s.sample())
	}
}

func (r *run) takeISN(i *isnRecord) {
	r.takeFindings(i.place, i.Findings)
	if i.Addr.IsValid() {
		r.judge(i.place, verdict{state: i.State, reason: i.Reason})
	}
	i.Findings = i.Findings[:min(len(i.Findings), mostOfRecord)]
	if n := r.numbers.get(i.place); n != nil && r.keeps() {
		n.result = i
	}
}

// sample is the record as the analysis takes it.
func (s *sampleRecord) sample() isn.Sample {
	return isn.Sample{
		Series: s.Series, Src: s.Src, SrcPort: optional(s.SrcPort), ClientISN: optional[craft.Seq](s.ClientISN),
		Sent: stamp(s.Sent), Received: stamp(s.Received), ISN: optional[craft.Seq](s.ISN),
		MSS: optional(s.MSS), WScale: optional(s.WScale), SACK: optional(s.SACK), TSVal: optional(s.TSVal),
		Window: optional(s.Window), TTL: optional(s.TTL),
	}
}

func optional[T comparable](v *T) isn.Opt[T] {
	if v == nil {
		return isn.Opt[T]{}
	}
	return isn.Some(*v)
}

func stamp(t *time.Time) isn.Opt[int64] {
	if t == nil {
		return isn.Opt[int64]{}
	}
	return isn.Some(t.UnixNano())
}

// numbersView is how one place chooses its sequence numbers.
type numbersView struct {
	Title, Run     string
	Class, Variant string
	Sure           string
	Means, Advice  string
	Weak           bool
	Facts          []fact
	Findings       []probe.Finding
	Charts         []template.HTML
	Note           string
}

func (r *Report) numbersViews() (views []numbersView) {
	for _, one := range r.runs {
		for _, n := range one.numbers.order {
			if !r.shown.fits("hosts' sequence numbers", 1, mostNumbered) {
				continue
			}
			v := n.view(len(views) < mostPictures)
			v.Run = r.runName(one)
			r.book.note(explain.Class, v.Class)
			views = append(views, v)
		}
	}
	return views
}

func (n *numbers) view(drawn bool) numbersView {
	v := numbersView{Title: n.place.String(), Class: isn.ClassUnknown.String()}
	if n.result != nil {
		n.result.describe(&v)
	} else {
		v.Note = "The run did not come to a conclusion. "
	}
	switch {
	case len(n.samples) == 0:
		v.Note += "The samples are not in the file: there is no picture."
	case !drawn:
		v.Note += fmt.Sprintf("A report has room for %d pictures.", mostPictures)
	default:
		v.Charts, v.Note = n.draw(v.Class, v.Note)
	}
	return v
}

// draw analyses the samples again, since lines and residuals are not recorded,
// and says so where the result differs from the record.
func (n *numbers) draw(class, note string) ([]template.HTML, string) {
	report := isn.Analyze(n.samples, isn.Options{})
	if n.result != nil && report.Class.String() != class {
		note += fmt.Sprintf("Analysed again by this version, these samples are %s: the pictures show that. ", report.Class)
	}
	if n.omitted > 0 {
		note += fmt.Sprintf("The pictures show the first %s samples, %s more were taken. ", units.Count(mostSamples), units.Count(uint64(n.omitted)))
	}
	var charts []template.HTML
	for _, p := range plot.ISNPanels(&report, n.samples) {
		charts = append(charts, chart(p, p.Title))
	}
	return charts, note
}

// weak are the classes whose next number an attacker may guess.
var weak = []string{
	isn.ClassConstant.String(), isn.ClassRepeating.String(), isn.ClassGlobalStep.String(), isn.ClassGlobalClock.String(),
	isn.ClassGlobalMixed.String(), isn.ClassRandomIncrement.String(), isn.ClassWeakRandom.String(),
}

func (i *isnRecord) describe(v *numbersView) {
	v.Class, v.Variant, v.Findings = i.Class, i.Variant, i.Findings
	v.Weak = slices.Contains(weak, i.Class)
	if i.Confidence > 0 {
		v.Sure = units.Significant(100*i.Confidence, 1) + " % sure"
	}
	if e, ok := explained(i.Class); ok {
		v.Means, v.Advice = e.Means, e.Do
	}
	v.Facts = i.facts()
}

func (i *isnRecord) facts() (list []fact) {
	add := func(name, value string) { list = append(list, fact{name, value}) }
	add("samples", fmt.Sprintf("%s, %s lost", units.Count(i.Samples), units.Count(i.Lost)))
	if i.ClockHz != nil {
		clock := hertz(*i.ClockHz) + " a second"
		if i.ClockLow != nil && i.ClockHigh != nil {
			clock += fmt.Sprintf(" (%s to %s)", hertz(*i.ClockLow), hertz(*i.ClockHigh))
		}
		add("clock", clock)
	}
	if i.Step != nil {
		add("step", units.Significant(*i.Step, 1)+" a connection")
	}
	if len(i.Inputs) > 0 {
		add("depends on", strings.Join(i.Inputs, ", "))
	}
	if i.Difficulty != nil {
		add("to guess", fmt.Sprintf("about 2^%s tries for half of the numbers", units.Significant(*i.Difficulty, 1)))
	}
	if i.Entropy != nil {
		add("shown", units.Significant(*i.Entropy, 1)+" bits of entropy")
	}
	if i.Machines > 1 {
		add("machines", units.Count(i.Machines))
	}
	if len(i.Flags) > 0 {
		add("flags", strings.Join(i.Flags, ", "))
	}
	if i.RunnerUp != "" {
		add("next best", i.RunnerUp)
	}
	if n := i.Nmap; n != nil {
		words := fmt.Sprintf("GCD %d, ISR %d", n.GCD, n.ISR)
		if n.SP != nil {
			words += fmt.Sprintf(", SP %d", *n.SP)
		}
		add("nmap", words)
	}
	return list
}

// hertz is a rate, with its thousands parted where it has any.
func hertz(v float64) string {
	if v < 1_000 || v > 1e15 {
		return units.Significant(v, 2)
	}
	return units.Count(uint64(v + 0.5))
}
