package htmlreport

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"time"

	"synscope/internal/plot"
	"synscope/internal/report/units"
	"synscope/probe"
	"synscope/probe/rtt"
)

// mostTrips is how many targets' round trips of a run are kept apart.
const mostTrips = 256

// tripBook is the round trips of a run by what they are of: a target, or, where
// many ports were asked once, a state.
type tripBook struct{ book[string, trips] }

// trips are the round trips of one target.
type trips struct {
	name     string
	series   *rtt.Series
	timeline rtt.Timeline
	pinged   bool // each of them is a probe of a ping
	summary  *rttSummaryRecord
	outages  []windowRecord
}

// get is the trips of a name; nil where there is no room for another.
func (b *tripBook) get(name string) *trips {
	return b.entry(name, mostTrips, func() *trips { return &trips{name: name, series: rtt.NewSeries(rtt.Coarse)} })
}

// add takes a time that was measured.
func (b *tripBook) add(name string, at time.Time, d time.Duration, start time.Time) {
	if t := b.get(name); t != nil && d >= 0 {
		t.series.Add(d)
		t.timeline.Add(since(at, start), d)
	}
}

// since is how long after the start something happened; 0 where that is not known.
func since(at, start time.Time) time.Duration {
	if at.IsZero() || at.Before(start) {
		return 0
	}
	return at.Sub(start)
}

func (b *tripBook) summarise(s *rttSummaryRecord) {
	if t := b.get(s.place.String()); t != nil {
		t.summary, t.pinged = s, true
	}
}

// takeRTT counts a probe as ping does: one of which the clock is in doubt was
// answered and not measured, one whose answer came after the timeout is lost, one
// that could not be sent was no probe.
func (r *run) takeRTT(p *rttRecord) {
	name := p.place.String()
	r.takeFindings(p.place, p.Findings)
	v := verdict{state: p.State, reason: p.Reason}
	if p.RTT != nil {
		v.rtt = *p.RTT
	}
	r.judge(p.place, v)
	t := r.trips.get(name)
	if t == nil || p.Error != "" || p.Before != "" { // what came late of a probe that was counted
		return
	}
	t.pinged = true
	switch at := since(p.Sent, r.head.Start); {
	case p.RTT != nil && p.Doubt == "" && *p.RTT >= 0:
		t.series.Add(*p.RTT)
		t.timeline.Add(at, *p.RTT)
	case p.Doubt != string(probe.DoubtLate) && (p.State == probe.StateOpen || p.State == probe.StateRefused):
		t.series.Unmeasured()
		for range min(p.Repeats, 16) { // which were lost
			t.series.Lost()
		}
	default:
		t.series.Lost()
		t.timeline.Lost(at)
	}
}

// tripView is the round trips of one run on the page.
type tripView struct {
	Title   string
	Charts  []template.HTML // over time, distribution
	Rows    []tripRow
	Losses  []string // outages, and what losses have in common
	Omitted string
	Pinged  bool // losses are known
}

type tripRow struct {
	Name, Clock                                      string
	Sent, Lost                                       string
	LossShare                                        float64
	Min, Mean, P50, P95, P99, Max, Deviation, Jitter string
}

// fewestTrips is from how many times on a distribution says anything.
const fewestTrips = 3

// tripViews are the round trips of all runs that have enough of them.
func (r *Report) tripViews() (views []tripView) {
	for _, one := range r.runs {
		if v, ok := one.tripView(r.shown); ok {
			v.Title = r.runName(one)
			views = append(views, v)
		}
	}
	return views
}

func (r *run) tripView(shown shelves) (v tripView, ok bool) {
	var drawn []plot.Series
	for _, t := range r.trips.order {
		if v.Pinged = v.Pinged || t.pinged; !t.pinged && t.series.Distribution.N() < fewestTrips {
			continue
		}
		if !shown.fits("targets' round trips", 1, mostTripRows) {
			continue
		}
		v.Rows = append(v.Rows, t.row())
		for _, line := range t.losses() {
			if shown.fits("sentences about losses", 1, mostTripLines) {
				v.Losses = append(v.Losses, line)
			}
		}
		if len(t.timeline.Bins()) > 0 && len(drawn) < plot.MostSeries {
			drawn = append(drawn, plot.Series{Name: t.name, Series: t.series, Timeline: &t.timeline})
		}
	}
	if len(v.Rows) == 0 {
		return v, false
	}
	v.Omitted = r.trips.omitted(len(drawn), len(v.Rows))
	if len(drawn) > 0 && shown.fits("pictures of round trips", 1, mostPictures) {
		panels := plot.RTTPanels(r.head.Start.UTC(), drawn)
		panels[0].Title = "Over time"
		panels[1].Title = "Distribution: answers within which time"
		for _, p := range panels {
			v.Charts = append(v.Charts, chart(p, p.Title))
		}
	}
	return v, true
}

// omitted says which targets the pictures leave out.
func (b *tripBook) omitted(drawn, rows int) string {
	switch {
	case b.left > 0:
		return fmt.Sprintf("Only the first %d targets are kept; the pictures show %d of them.", mostTrips, drawn)
	case drawn < rows && drawn == plot.MostSeries:
		return fmt.Sprintf("The pictures show the first %d of %d.", drawn, rows)
	}
	return ""
}

// row is what ping said, or, where its summary is missing, what its records give.
func (t *trips) row() tripRow {
	if t.summary != nil {
		return t.summary.row(t.name)
	}
	s := t.series.Summary()
	row := tripRow{Name: t.name}
	if t.pinged {
		row.Sent, row.Lost, row.LossShare = units.Count(s.Sent), lossWords(s.Lost, s.Sent), s.Loss
	} else {
		row.Sent = units.Count(s.Measured)
	}
	if s.Measured == 0 {
		return row
	}
	row.Min, row.Mean, row.P50, row.P95 = units.Duration(s.Min), units.Duration(s.Mean), units.Duration(s.P50), units.Duration(s.P95)
	row.P99, row.Max = units.Duration(s.P99), units.Duration(s.Max)
	if s.Measured > 1 {
		row.Deviation = units.Duration(s.StdDev)
	}
	return row
}

func (s *rttSummaryRecord) row(name string) tripRow {
	row := tripRow{
		Name: name, Sent: units.Count(s.Sent), Lost: lossWords(s.Lost, s.Sent), Clock: s.Clock,
		Min: spell(s.Min), Mean: spell(s.Mean), P50: spell(s.P50), P95: spell(s.P95), P99: spell(s.P99), Max: spell(s.Max),
		Deviation: spell(s.StdDev), Jitter: spell(s.Jitter),
	}
	if s.Loss != nil {
		row.LossShare = *s.Loss
	}
	return row
}

func lossWords(lost, sent uint64) string {
	if lost == 0 || sent == 0 {
		return "0"
	}
	return fmt.Sprintf("%s (%s %%)", units.Count(lost), units.Significant(100*float64(lost)/float64(sent), 1))
}

// spell is a duration where there is one.
func spell(d *time.Duration) string {
	if d == nil {
		return ""
	}
	return units.Duration(*d)
}

// comparedTrips puts the runs' medians of one target side by side.
func (r *Report) comparedTrips() (rows []comparedRow) {
	names := map[string]bool{}
	for _, one := range r.runs {
		for _, t := range one.trips.order {
			if t.pinged {
				names[t.name] = true
			}
		}
	}
	for name := range names {
		row := comparedRow{Where: name, What: "median RTT, loss", Cells: make([]comparedCell, len(r.runs))}
		times := 0
		for i, one := range r.runs {
			if t := one.trips.of[name]; t != nil && t.pinged {
				cell := t.row()
				row.Cells[i].Words = cmp.Or(cell.P50, "no answer") + ", " + units.Significant(100*cell.LossShare, 1) + " % lost"
				times++
			}
		}
		if times > 1 {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b comparedRow) int { return cmp.Compare(a.Where, b.Where) })
	return rows
}
