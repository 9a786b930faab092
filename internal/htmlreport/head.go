package htmlreport

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"synscope/internal/report/units"
	"synscope/probe"
)

// tile is a number that says most at a glance.
type tile struct{ N, What, Class string }

// tiles are the numbers of all runs together; of a port or host that several saw,
// the last.
func (r *Report) tiles() (list []tile) {
	list = append(list, r.diagnosisTiles()...)
	list = append(list, r.checkTiles()...)
	list = append(list, r.portTiles()...)
	list = append(list, r.pingTiles()...)
	return append(list, r.findingTiles()...)
}

func (r *Report) diagnosisTiles() []tile {
	ill, all := 0, 0
	for _, one := range r.runs {
		for _, d := range one.diagnoses {
			all++
			if d.Healthy == nil || !*d.Healthy {
				ill++
			}
		}
	}
	switch {
	case all == 0:
		return nil
	case ill == 0:
		return []tile{{units.Count(uint64(all)), "diagnosed, all healthy", "open"}}
	}
	return []tile{{fmt.Sprintf("%d of %d", ill, all), "not healthy", "bad"}}
}

func (r *Report) checkTiles() []tile {
	failed, unjudged, all := 0, 0, 0
	for _, one := range r.runs {
		for _, c := range one.checks {
			all++
			switch {
			case c.OK == nil:
				unjudged++
			case !*c.OK:
				failed++
			}
		}
	}
	switch {
	case all == 0:
		return nil
	case failed == 0 && unjudged > 0:
		return []tile{{fmt.Sprintf("%d of %d", unjudged, all), "expectations not judged", "filtered"}}
	case failed == 0:
		return []tile{{units.Count(uint64(all)), plural(all, "expectation holds", "expectations hold"), "open"}}
	}
	return []tile{{fmt.Sprintf("%d of %d", failed, all), "expectations failed", "bad"}}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func (r *Report) portTiles() (list []tile) {
	counts := map[probe.State]uint64{}
	up, down := 0, 0
	for _, a := range r.addresses() {
		s := r.merged(a)
		for state, n := range s.counts {
			counts[state] += n
		}
		var row hostRow
		row.state(r, s)
		switch row.State {
		case "up":
			up++
		default:
			down++
		}
	}
	if up+down == 0 {
		return nil
	}
	hosts := tile{units.Count(uint64(up)), plural(up, "host up", "hosts up"), "open"}
	if down > 0 {
		hosts = tile{fmt.Sprintf("%s of %s", units.Count(uint64(up)), units.Count(uint64(up+down))), "hosts up", ""}
	}
	list = append(list, hosts)
	for _, s := range probe.States() {
		if n := counts[s]; n > 0 {
			list = append(list, tile{units.Count(n), plural(int(n), "port ", "ports ") + s.String(), marks[s].class})
		}
	}
	return list
}

// pingTiles is the worst loss among the targets that were pinged.
func (r *Report) pingTiles() []tile {
	worst, pinged := 0.0, false
	for _, one := range r.runs {
		for _, t := range one.trips.order {
			if t.pinged {
				pinged = true
				worst = max(worst, t.row().LossShare)
			}
		}
	}
	switch {
	case !pinged:
		return nil
	case worst == 0:
		return []tile{{"0 %", "lost", "open"}}
	}
	return []tile{{units.Significant(100*worst, 1) + " %", "lost, at worst", "filtered"}}
}

func (r *Report) findingTiles() (list []tile) {
	counts := map[probe.Severity]int{}
	for _, one := range r.runs {
		for _, f := range one.found {
			counts[f.Severity]++
		}
	}
	if n := counts[probe.SeverityWarning]; n > 0 {
		list = append(list, tile{units.Count(uint64(n)), plural(n, "warning", "warnings"), "bad"})
	}
	if n := counts[probe.SeverityNotice]; n > 0 {
		list = append(list, tile{units.Count(uint64(n)), plural(n, "notice", "notices"), "filtered"})
	}
	return list
}

// runView is a run on the page: who asked for what, and how it went.
type runView struct {
	Command, Line, File, Start string
	Facts                      []fact
	Notes                      []string
	Cut                        string
	Incomplete                 bool
	Rejected                   []fact
}

func (r *Report) runViews() (views []runView) {
	for _, one := range r.runs {
		views = append(views, one.view())
	}
	return views
}

func (r *run) view() runView {
	v := runView{
		Command: r.head.Command, File: r.file, Line: "synscope " + quotedLine(r.head.Args), Cut: r.cut, Notes: r.head.Notes,
	}
	if !r.head.Start.IsZero() {
		v.Start = r.head.Start.UTC().Format("Monday 2 January 2006, 15:04:05 UTC")
	}
	if s := r.summary; s != nil {
		v.Incomplete = !s.Complete
		v.Facts = r.summary.facts()
		v.Rejected = r.summary.rejected()
		if s.Fault != "" {
			v.Notes = append(slices.Clone(v.Notes), s.Fault)
		}
		if s.Remark != "" {
			v.Notes = append(slices.Clone(v.Notes), s.Remark)
		}
	}
	if r.head.Engine != "" {
		v.Facts = append(v.Facts, fact{"engine", r.head.Engine})
	}
	if seed, ok := r.head.Seed.Get(); ok {
		v.Facts = append(v.Facts, fact{"seed", fmt.Sprint(seed)})
	}
	if r.head.Version != "" {
		v.Facts = append(v.Facts, fact{"version", r.head.Version})
	}
	v.Notes = append(slices.Clone(v.Notes), r.leftOut()...)
	return v
}

// leftOut says what of the run is not on the page.
func (r *run) leftOut() (notes []string) {
	for _, what := range slices.Sorted(maps.Keys(r.left)) {
		notes = append(notes, fmt.Sprintf("%s %s have no room in this report.", units.Count(r.left[what]), what))
	}
	for _, book := range []struct {
		left uint64
		what string
	}{{r.ladders.strays, "segments of connections beyond the first " + units.Count(mostUnderway) + " at a time"},
		{r.numbers.left, "records of sequence numbers, beyond those of " + units.Count(mostSampled) + " hosts,"},
		{r.paths.left, "records of routes and paths, beyond those of " + units.Count(mostRoutes) + " targets,"}} {
		if book.left > 0 {
			notes = append(notes, fmt.Sprintf("%s %s have no room in this report.", units.Count(book.left), book.what))
		}
	}
	if r.trimmed > 0 {
		notes = append(notes, units.Plural(r.trimmed, "text or list is", "texts or lists are")+" cut short: a page has no room for more.")
	}
	if r.omitted > 0 {
		notes = append(notes, fmt.Sprintf("%s verdicts are counted and not listed: a report has room for %s.", units.Count(r.omitted), units.Count(mostVerdicts)))
	}
	return append(notes, r.unknownTypes()...)
}

// mostNamed is how many types are named that this version does not know.
const mostNamed = 3

// unknownTypes says which types these are; those beyond the first few together.
func (r *run) unknownTypes() (notes []string) {
	others := uint64(0)
	for i, kind := range slices.Sorted(maps.Keys(r.unknown)) {
		n := r.unknown[kind]
		if i >= mostNamed {
			others += n
			continue
		}
		notes = append(notes, fmt.Sprintf("%s of type %q, which this version does not know, %s left out.",
			units.Plural(n, "record", "records"), kind, plural(int(n), "is", "are")))
	}
	if others > 0 {
		notes = append(notes, fmt.Sprintf("%s of other types that this version does not know %s left out too.",
			units.Plural(others, "record", "records"), plural(int(others), "is", "are")))
	}
	return notes
}

// quotedLine is a command line as a shell takes it.
func quotedLine(args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = a
		if a == "" || strings.ContainsAny(a, " \t\n\"'\\$&|;<>()*?[]{}~#`") {
			words[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return units.Shortened(strings.Join(words, " "), 2_000)
}

// facts are what the summary counts.
func (s *summaryRecord) facts() (list []fact) {
	add := func(name, value string) { list = append(list, fact{name, value}) }
	add("took", units.Duration(s.Took))
	if s.Packets != nil {
		add("packets read", units.Count(*s.Packets))
	}
	if s.Connections != nil {
		add("connections", units.Count(*s.Connections))
	}
	if s.CaptureLoss != nil && *s.CaptureLoss > 0 {
		add("missing from the capture", units.Significant(100**s.CaptureLoss, 2)+" %")
	}
	if s.Sent > 0 {
		add("sent", s.sentWords())
	}
	if s.Received > 0 {
		add("received", units.Count(s.Received))
	}
	for _, loss := range []struct {
		name string
		n    uint64
	}{{"errors of sending", s.SendErrors}, {"RSTs refused by this machine's firewall", s.ResetsRefused.Value},
		{"connections left half open", s.ResetsLost.Value}, {"dropped by this machine", s.KernelDrops}} {
		if loss.n > 0 {
			add(loss.name, units.Count(loss.n))
		}
	}
	return append(list, s.hostFacts()...)
}

func (s *summaryRecord) sentWords() string {
	words := units.Count(s.Sent)
	if s.Retransmitted > 0 {
		words += fmt.Sprintf(" (%s retransmitted)", units.Count(s.Retransmitted))
	}
	if rate, ok := s.Rate.Get(); ok {
		words += " at " + units.Rate(rate)
	}
	return words
}

func (s *summaryRecord) hostFacts() (list []fact) {
	if up, ok := s.HostsUp.Get(); ok {
		list = append(list, fact{"hosts up", units.Count(up)})
	}
	down, ok := s.HostsDown.Get()
	if !ok {
		return list
	}
	var words []string
	for _, reason := range slices.Sorted(maps.Keys(s.Down)) {
		words = append(words, fmt.Sprintf("%s %s", units.Count(s.Down[reason]), units.Shortened(string(reason), longestWord)))
	}
	value := units.Count(down)
	if len(words) > 0 {
		value += " (" + strings.Join(words, ", ") + ")"
	}
	return append(list, fact{"hosts down", value})
}

// rejected are the packets that counted for nothing, by why.
func (s *summaryRecord) rejected() (list []fact) {
	for _, why := range slices.Sorted(maps.Keys(s.Rejected)) {
		list = append(list, fact{units.Shortened(why, longestWord), units.Count(s.Rejected[why])})
	}
	return list
}
