package cli

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"net/netip"
	"time"

	"synscope/internal/report/units"
	"synscope/probe"
	"synscope/probe/scan"
)

// planned is how many targets a plan lists.
const planned = 10

// plan prints the size of the scan, and how it begins.
func (j *scanJob) plan() error {
	length, err := j.packetLen()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(j.streams.Out)
	for _, line := range j.planWords(length) {
		fmt.Fprintln(out, fitted(j.streams.Out, line))
	}
	if !j.hostsOnly() {
		j.planOrder(out)
	}
	return flushed(out)
}

// planWords says how many packets leave, and how long that takes.
func (j *scanJob) planWords(length int) (lines []string) {
	if j.planSearches() {
		pace := planPace(j.probing.rate)
		lines = append(lines, j.searchWords(), pace.words(length)+": "+j.searchSpan(pace))
	}
	if j.hostsOnly() {
		return lines
	}
	lines = append(lines, fmt.Sprintf("%s probes of %s, technique %s%s", units.Count(j.cfg.Total), hostsWord(j.set.Addresses()), j.techniqueName(), j.shardWord()))
	switch {
	case j.keepsNoState():
		lines = append(lines, j.statelessSpans(length)...)
	case !j.planSearches() || !j.searchesByPort(): // or what is told of the search is all
		lines = append(lines, j.spans(length))
	}
	return append(append(lines, j.planNotes()...), j.guarded...)
}

// spans says how long the probes of a run that keeps state take.
func (j *scanJob) spans(length int) string {
	pace := planPace(j.probing.rate)
	if j.connects() {
		pace = planPace(cmp.Or(j.probing.rate, probe.DefaultRate))
	}
	words := pace.words(length) + ": " + pace.span(j.cfg.Total)
	if j.planSearches() {
		words = "at the same pace: " + pace.span(j.cfg.Total)
	}
	if each := j.perTarget(); each > 1 {
		most := times(j.cfg.Total, each)
		words += fmt.Sprintf(", up to %s packets (%d each: %s) where nothing answers", units.Count(most), each, pace.span(most))
	}
	return words + j.lessWord()
}

// statelessSpans says how long the probes of a run without state take.
func (j *scanJob) statelessSpans(length int) []string {
	cfg, each := j.stateless(), j.perTarget()
	total := times(j.cfg.Total, each)
	pace := planPace(cmp.Or(j.probing.rate, probe.DefaultRate))
	span := pace.words(length) + ": " + pace.span(total)
	if most := mostPerTarget(&cfg); most > each {
		span += fmt.Sprintf(", up to %d packets each (%s) where packets are lost", most, pace.span(times(j.cfg.Total, most)))
	}
	lines := []string{fmt.Sprintf("stateless: %d packets each, %s in all", each, units.Count(total)), span + j.lessWord()}
	if rate := j.routerRate(func(netip.Addr) bool { return true }); rate > 0 {
		pace = planPace(rate)
		lines = append(lines, pace.words(length)+", where a router has to resolve the addresses: "+pace.span(total))
	}
	return lines
}

// lessWord says that a search for hosts leaves less to do.
func (j *scanJob) lessWord() string {
	if j.planSearches() {
		return "; less by what is down"
	}
	return ""
}

// planOrder lists the first targets.
func (j *scanJob) planOrder(out io.Writer) {
	fmt.Fprintf(out, "order of seed %d:\n", j.seed)
	n := 0
	for t := range j.cfg.Targets {
		if n++; n > planned {
			fmt.Fprintln(out, "  ...")
			return
		}
		fmt.Fprintf(out, "  %s\n", t)
	}
}

func (j *scanJob) shardWord() string {
	if j.shard.count == 1 {
		return ""
	}
	return fmt.Sprintf(", shard %d/%d", j.shard.index+1, j.shard.count)
}

func (j *scanJob) techniqueName() string {
	if j.connect {
		return probe.ConnectTechnique
	}
	return j.cfg.Technique.Name
}

func hostsWord(n uint64) string {
	if n == 1 {
		return "1 address"
	}
	return units.Count(n) + " addresses"
}

// planPace is how many packets of a plan leave a second; the zero value: as many as the
// path turns out to carry.
type planPace float64

// words says it, in bits too: of packets of that length.
func (p planPace) words(length int) string {
	if p != 0 {
		return paceWords(float64(p), length)
	}
	return fmt.Sprintf("begins %s, and grows to at most %s unanswered through a router, %s on the link (%s in all)", paceWords(probe.FirstRate, length),
		units.Rate(probe.RoutedRate), units.Rate(probe.LinkRate), units.Rate(probe.LocalRate))
}

// span is how long so many packets take to leave, if nothing answers.
func (p planPace) span(packets uint64) string {
	if p.unbounded() {
		return "as fast as it goes"
	}
	routed, link := spanWord(p.takes(packets, probe.RoutedRate)), spanWord(p.takes(packets, probe.LinkRate))
	if routed == link {
		return routed
	}
	return routed + " through a router, " + link + " on the link"
}

func (p planPace) unbounded() bool { return math.IsInf(float64(p), 1) }

// takes is how long so many packets take to leave; a pace that grows does so up to bound.
func (p planPace) takes(packets uint64, bound float64) time.Duration {
	if p == 0 {
		return scan.SilentSpan(packets, bound)
	}
	return saturated(float64(packets) / float64(p) * float64(time.Second))
}

// saturated is a duration of so many nanoseconds, or the longest there is.
func saturated(ns float64) time.Duration {
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(ns)
}

// spanWord writes a span; the longest stands for longer ones.
func spanWord(d time.Duration) string {
	if d == math.MaxInt64 {
		return "centuries"
	}
	return units.Duration(d)
}
