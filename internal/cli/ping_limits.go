package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/probe"
	"synscope/probe/rtt"
)

// limits are what --expect, --max-loss and --max-rtt demand of each target.
type limits struct {
	expect  *probe.State
	maxLoss float64 // share; 1: any
	maxRTT  []maxRTT
}

// maxRTT is one bound on a statistic of the times.
type maxRTT struct {
	statistic rtt.Statistic
	limit     time.Duration
}

func (o *pingOptions) limits() (l limits, err error) {
	if l.expect, err = o.expectation(); err != nil {
		return l, err
	}
	l.maxLoss = 1
	if o.MaxLoss != "" {
		if l.maxLoss, err = parsePercent(o.MaxLoss); err != nil {
			return l, usagef("--max-loss: %w", err)
		}
	}
	for _, list := range o.MaxRTT {
		for word := range strings.SplitSeq(list, ",") {
			bound, err := parseMaxRTT(word)
			if err != nil {
				return l, usagef("--max-rtt: %w", err)
			}
			l.maxRTT = append(l.maxRTT, bound)
		}
	}
	return l, nil
}

// expectation reads --expect, nil where it was not given.
func (o *common) expectation() (*probe.State, error) {
	if err := o.nothingExpected(); err != nil || o.Expect == "" {
		return nil, err
	}
	state, err := probe.ParseState(o.Expect)
	if err != nil {
		return nil, usagef("--expect: %w", err)
	}
	return &state, nil
}

// nothingExpected refuses an expectation of nothing, as a script has it whose variable is not set: that would hold
// whatever is found.
func (o *common) nothingExpected() error {
	if o.given["expect"] && o.Expect == "" {
		return usagef("--expect: nothing is said to be expected")
	}
	return nil
}

// parsePercent reads "5%", "0.5%" or "5", and returns a share.
func parsePercent(word string) (float64, error) {
	p, err := strconv.ParseFloat(strings.TrimSuffix(word, "%"), 64)
	if err != nil || !(p >= 0 && p <= 100) {
		return 0, fmt.Errorf("%q: want a percentage from 0%% to 100%%", word)
	}
	return p / 100, nil
}

// parseMaxRTT reads "p95=20ms".
func parseMaxRTT(word string) (m maxRTT, err error) {
	name, limit, ok := strings.Cut(word, "=")
	if !ok {
		return m, fmt.Errorf("%q: want a statistic and its limit, such as p95=20ms", word)
	}
	if m.statistic, err = rtt.ParseStatistic(name); err != nil {
		return m, err
	}
	if m.limit, err = parseDuration(limit); err != nil {
		return m, err
	}
	if m.limit <= 0 {
		return m, fmt.Errorf("%q: the limit must be above zero", word)
	}
	return m, nil
}

// check lists what does not hold, a sentence each.
func (l *limits) check(all []*pingSeries) (failures []string) {
	for _, s := range all {
		fail := func(format string, args ...any) {
			failures = append(failures, s.label()+": "+fmt.Sprintf(format, args...))
		}
		if l.expect != nil && !s.holds(*l.expect) {
			fail("expected %s, found %s", *l.expect, s.found())
		}
		if loss := s.unanswered(); loss > l.maxLoss {
			fail("%.4g %% %s, above %.4g %%", 100*loss, s.lostWord(), 100*l.maxLoss)
		}
		for _, m := range l.maxRTT {
			if why := m.exceeded(s.Series); why != "" {
				fail("%s", why)
			}
		}
	}
	return failures
}

// unanswered is the share of the probes that were due which went without an
// answer. Those that could not be sent are among them: whoever bounds losses
// wants to hear of a route that is gone.
func (s *pingSeries) unanswered() float64 {
	counts := s.Summary()
	if due := counts.Sent + s.unsent; due > 0 {
		return float64(counts.Lost+s.unsent) / float64(due)
	}
	return 0
}

func (s *pingSeries) lostWord() string {
	if s.unsent > 0 {
		return "lost or never sent"
	}
	return "lost"
}

// exceeded says why a bound does not hold, "" where it does. Value and limit
// are written so finely that they can be told apart.
func (m *maxRTT) exceeded(s *rtt.Series) string {
	if s.Distribution.N() < m.least() {
		return fmt.Sprintf("too few times were measured, so %v is not known to be within %s", m.statistic, units.Duration(m.limit))
	}
	value := m.statistic.Of(s)
	if value <= m.limit {
		return ""
	}
	return fmt.Sprintf("%v is %s, above %s", m.statistic, units.Finer(value, value-m.limit), units.Finer(m.limit, value-m.limit))
}

// least is how many times it takes to measure the statistic.
func (m *maxRTT) least() uint64 {
	switch m.statistic.String() {
	case "stddev", "jitter":
		return 2
	}
	return 1
}

// holds reports whether a target was in a state: some probe says so, and none
// that was answered says otherwise. Silence says nothing against it, being
// what --max-loss is about.
func (s *pingSeries) holds(state probe.State) bool {
	for _, answering := range []probe.State{probe.StateOpen, probe.StateRefused} {
		if answering != state && s.states[answering] > 0 {
			return false
		}
	}
	return s.states[state] > 0
}

// found is "3 open, 1 filtered".
func (s *pingSeries) found() string {
	var words []string
	for _, state := range probe.States() {
		if n := s.states[state]; n > 0 {
			words = append(words, units.Count(n)+" "+state.String())
		}
	}
	if words == nil {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// comparison compares the two targets of --compare, in the order typed.
func (j *pingJob) comparison() *record.RTTComparison {
	a, b := j.series[0], j.series[1]
	if words := j.options.words; len(words) == 2 && words[0] == b.word && words[1] == a.word {
		a, b = b, a
	}
	return &record.RTTComparison{A: a.label(), B: b.label(), Comparison: rtt.Compare(&a.Distribution, &b.Distribution)}
}
