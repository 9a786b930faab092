package htmlreport

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	words "synscope/internal/explain"
	"synscope/internal/report/units"
	"synscope/probe"
)

// How much of the findings a page has room for.
const (
	mostPlaces  = 40  // of one finding
	mostOfKinds = 100 // kinds that are unusual, and as many that are not
)

// findingView is a finding with all places where it was found, and what it means.
type findingView struct {
	Code, Severity string
	Means, Seen    string
	Do, See        string
	Places         []findingPlace
	More           int
	N              string
	rank           probe.Severity
}

// findingPlace is where a finding was found, and how often beside the first time.
type findingPlace struct {
	Where, Text, Evidence, Run string
	Again                      int
}

// mostEvidence is how many pieces of evidence of one place are shown.
const mostEvidence = 3

func (p *findingPlace) again(evidence string) {
	p.Again++
	switch {
	case evidence == "" || strings.Contains(p.Evidence, evidence):
	case p.Again < mostEvidence:
		p.Evidence += "; " + evidence
	case p.Again == mostEvidence:
		p.Evidence += "; …"
	}
}

// findingsView are the findings that are unusual, and those that are worth knowing.
type findingsView struct {
	Unusual, Info         []*findingView
	UnusualMore, InfoMore string // of kinds that there is no room for
}

func (r *Report) findingsView() *findingsView {
	v := &findingsView{}
	for _, f := range r.findings() {
		if f.rank > probe.SeverityInfo {
			v.Unusual = append(v.Unusual, f)
			continue
		}
		v.Info = append(v.Info, f)
	}
	if len(v.Unusual)+len(v.Info) == 0 {
		return nil
	}
	v.Unusual, v.UnusualMore = firstKinds(v.Unusual)
	v.Info, v.InfoMore = firstKinds(v.Info)
	return v
}

// firstKinds are as many kinds of finding as there is room for, and what is to be said of
// the others.
func firstKinds(all []*findingView) (first []*findingView, more string) {
	if len(all) <= mostOfKinds {
		return all, ""
	}
	places := 0
	for _, f := range all[mostOfKinds:] {
		places += len(f.Places) + f.More
	}
	return all[:mostOfKinds], fmt.Sprintf("%s more, at %s, are counted and not shown: a page has room for %d.",
		units.Plural(uint64(len(all)-mostOfKinds), "kind of finding", "kinds of finding"), units.Plural(uint64(places), "place", "places"), mostOfKinds)
}

// findings are those of all runs by their code, the gravest first, and of these the
// ones that this program knows.
func (r *Report) findings() (views []*findingView) {
	byCode := map[string]*findingView{}
	for _, one := range r.runs {
		for _, f := range one.found {
			v := byCode[f.Code]
			if v == nil {
				v = newFindingView(f.Code)
				byCode[f.Code] = v
				views = append(views, v)
			}
			v.add(f, r.runName(one))
		}
	}
	for _, v := range views {
		v.Severity, v.N = v.rank.String(), units.Plural(uint64(len(v.Places)+v.More), "place", "places")
	}
	slices.SortStableFunc(views, func(a, b *findingView) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.unknown(), b.unknown()), cmp.Compare(a.Code, b.Code))
	})
	return views
}

func newFindingView(code string) *findingView {
	v := &findingView{Code: code}
	if e, ok := explained(code); ok {
		v.Means, v.Seen, v.Do, v.See = e.Means, e.Seen, e.Do, e.See
	}
	return v
}

// unknown is 1 where there is no explanation.
func (v *findingView) unknown() int {
	if v.Means == "" {
		return 1
	}
	return 0
}

// add takes a finding. Where the same was found again it is counted, with the
// first few pieces of evidence.
func (v *findingView) add(f foundAt, run string) {
	v.rank = max(v.rank, f.Severity)
	where := f.at.String()
	for i := range v.Places {
		if p := &v.Places[i]; p.Where == where && p.Text == f.Text && p.Run == run {
			p.again(f.Evidence)
			return
		}
	}
	if len(v.Places) == mostPlaces {
		v.More++
		return
	}
	v.Places = append(v.Places, findingPlace{Where: where, Text: f.Text, Evidence: f.Evidence, Run: run})
}

// runName tells runs apart where there are several.
func (r *Report) runName(one *run) string {
	if len(r.runs) < 2 {
		return ""
	}
	return one.short()
}

// wordBook is the words of a report that are explained at its end.
type wordBook struct{ used map[noted]bool }

// noted is a word and where it stood: one word means other things elsewhere.
type noted struct {
	kind words.Kind
	word string
}

func (b *wordBook) note(kind words.Kind, list ...string) {
	if b.used == nil {
		b.used = map[noted]bool{}
	}
	for _, word := range list {
		if one := (noted{kind, word}); !b.used[one] && len(words.Of(word)) > 0 {
			b.used[one] = true
		}
	}
}

// entries are the explanations of the words, by kind.
func (b *wordBook) entries() (list []words.Entry) {
	for _, e := range words.All() {
		if b.used[noted{e.Kind, e.Word}] {
			list = append(list, e)
		}
	}
	for w := range b.used {
		for _, e := range words.Of(w.word) {
			if e.Word != w.word && e.Kind == words.Reason && w.kind == words.Reason && !slices.Contains(list, e) { // a family: icmp-3-n
				list = append(list, e)
			}
		}
	}
	return list
}

// explained is what is to be known of a word.
func explained(word string) (words.Entry, bool) {
	if found := words.Of(word); len(found) > 0 {
		return found[0], true
	}
	return words.Entry{}, false
}
