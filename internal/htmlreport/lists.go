package htmlreport

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	words "synscope/internal/explain"
	"synscope/internal/report/units"
)

// checkView is the expectations of one run, those that failed first.
type checkView struct {
	Title                  string
	Failed, Unjudged, Held []checkRow
	Omitted                string
}

type checkRow struct{ Name, Target, Expected, Got, Where, Took string }

func (r *Report) checkViews() (views []checkView) {
	for _, one := range r.runs {
		if len(one.checks) == 0 {
			continue
		}
		v := checkView{Title: r.runName(one)}
		var more [3]int
		for _, c := range one.checks {
			row := checkRow{c.Name, c.Target, c.Expected, c.Got, c.Where, spell(c.Took)}
			switch {
			case c.OK == nil:
				row.Got = c.Unjudged
				more[0] += r.put(&v.Unjudged, row, "expectations that were not judged", mostHeldRows)
			case !*c.OK:
				more[1] += r.put(&v.Failed, row, "expectations that failed", mostFailedRows)
			default:
				more[2] += r.put(&v.Held, row, "expectations that hold", mostHeldRows)
			}
		}
		for i, what := range []string{"not judged", "failed", "hold"} {
			if more[i] > 0 {
				v.Omitted += units.Count(uint64(more[i])) + " more " + what + ". "
			}
		}
		views = append(views, v)
	}
	return views
}

// put adds a row where there is room for it, and is how many were left out.
func (r *Report) put(rows *[]checkRow, row checkRow, what string, most int) int {
	if !r.shown.fits(what, 1, most) {
		return 1
	}
	*rows = append(*rows, row)
	return 0
}

// listed are the records of all runs that are shown as they are.
func listed[T any](r *Report, what string, of func(*run) []*T) (list []*T) {
	for _, one := range r.runs {
		for _, record := range of(one) {
			if r.shown.fits(what, 1, mostListRows) {
				list = append(list, record)
			}
		}
	}
	return list
}

// diagnosisView is what `why` concluded of one port.
type diagnosisView struct {
	Title, Run  string
	Healthy     bool
	Causes      []causeView
	Excluded    []exclusionView
	Experiments []experimentRecord
	Facts       []fact
}

type causeView struct {
	Code, Where, Text       string
	Percent                 string
	Width                   string // of a bar, in percent
	Means, Do, See          string
	Evidence, Advice, Again phrases
	First                   bool
}

type exclusionView struct {
	Code  string
	Means string
	By    phrases
}

func (r *Report) diagnosisViews() (views []diagnosisView) {
	for _, one := range r.runs {
		for _, d := range one.diagnoses {
			if !r.shown.fits("diagnoses", 1, mostDiagnosed) {
				continue
			}
			v := d.view()
			v.Run = r.runName(one)
			views = append(views, v)
		}
	}
	return views
}

func (d *diagnosisRecord) view() diagnosisView {
	v := diagnosisView{Title: d.place.String(), Healthy: d.Healthy != nil && *d.Healthy, Experiments: d.Experiments}
	for i, c := range d.Causes {
		v.Causes = append(v.Causes, c.view(i == 0))
	}
	for _, x := range d.Excluded {
		e, _ := explained(x.Code)
		v.Excluded = append(v.Excluded, exclusionView{x.Code, e.Means, x.By})
	}
	add := func(name, value string) {
		if value != "" {
			v.Facts = append(v.Facts, fact{name, value})
		}
	}
	if d.Loss != nil && string(d.Loss) != "null" {
		add("lost", units.Significant(100*number(d.Loss), 1)+" %")
	}
	if d.SYNs != nil && d.Failed != nil {
		add("connections tried", fmt.Sprintf("%s, %s failed", units.Count(*d.SYNs), units.Count(*d.Failed)))
	}
	if d.Complete != nil && !*d.Complete {
		add("note", "cut short before it had decided")
	}
	add("median RTT", spell(d.P50))
	add("95 % within", spell(d.P95))
	if d.Packets != nil {
		add("packets", units.Count(*d.Packets))
	}
	add("took", spell(d.Took))
	return v
}

func (c *causeRecord) view(first bool) causeView {
	p := min(max(c.Probability, 0), 1)
	v := causeView{
		Code: c.Code, Where: c.Where, Text: c.Text, Evidence: c.Evidence, Advice: c.Advice, Again: c.ShownAgain, First: first,
		Percent: units.Likely(p), Width: strconv.FormatFloat(100*p, 'f', 1, 64),
	}
	if e, ok := explained(c.Code); ok {
		v.Do, v.See = e.Do, e.See
		if !strings.EqualFold(strings.TrimSuffix(e.Means, "."), strings.TrimSuffix(c.Text, ".")) {
			v.Means = e.Means
		}
	}
	return v
}

// groupView is a line of read --summary-by.
type groupView struct {
	Key                                         string
	Attempts, Open, Refused, Unanswered, Other  string
	Resets, Retransmissions, P50, P95, P99, Max string
}

func (r *Report) groupViews() (views []groupView) {
	for _, g := range listed(r, "groups", func(one *run) []*groupRecord { return one.groups }) {
		views = append(views, groupView{
			g.Key, units.Count(g.Attempts), units.Count(g.Open), units.Count(g.Refused), units.Count(g.Unanswered), units.Count(g.Other),
			units.Count(g.Resets), units.Count(g.Retransmissions), spell(g.P50), spell(g.P95), spell(g.P99), spell(g.Max),
		})
	}
	return views
}

// comparisonView is whether two targets of ping --compare differ.
type comparisonView struct {
	A, B, Words string
	Differ      bool
}

func (r *Report) comparisonViews() (views []comparisonView) {
	for _, c := range listed(r, "comparisons", func(one *run) []*comparisonRecord { return one.comparisons }) {
		v := comparisonView{A: c.A, B: c.B, Differ: c.Differ, Words: "no difference that these probes could show"}
		if c.Differ {
			v.Words = "a difference of " + units.Duration(max(c.Shift, -c.Shift)) + " in the middle, effect: " + c.Effect
			if c.Shift < 0 {
				v.A, v.B = v.B, v.A
			}
		}
		v.Words += ", p = " + strconv.FormatFloat(c.P, 'g', 2, 64)
		views = append(views, v)
	}
	return views
}

// wordGroup is the explained words of one kind.
type wordGroup struct {
	Kind    string
	Entries []words.Entry
}

func (r *Report) wordGroups() (groups []wordGroup) {
	for _, e := range r.book.entries() {
		i := slices.IndexFunc(groups, func(g wordGroup) bool { return g.Kind == string(e.Kind) })
		if i < 0 {
			groups = append(groups, wordGroup{Kind: string(e.Kind)})
			i = len(groups) - 1
		}
		groups[i].Entries = append(groups[i].Entries, e)
	}
	return groups
}

// span says from when to when the runs were made.
func (r *Report) span() string {
	var first, last time.Time
	for _, one := range r.runs {
		start := one.head.Start
		if first.IsZero() || start.Before(first) && !start.IsZero() {
			first = start
		}
		if start.After(last) {
			last = start
		}
	}
	const layout = "2 January 2006, 15:04 UTC"
	switch {
	case first.IsZero():
		return ""
	case last.Sub(first) < time.Minute:
		return first.UTC().Format(layout)
	}
	return first.UTC().Format(layout) + " to " + last.UTC().Format(layout)
}
