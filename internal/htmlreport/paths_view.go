package htmlreport

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"synscope/internal/explain"
	"synscope/internal/report/units"
)

// routeView is a way on the page.
type routeView struct {
	Title, Run string
	Hops       []hopView
}

type hopView struct {
	TTL                int
	Who                []string
	Silent             bool
	Answers            string
	Loss               float64
	Best, Median, Last string
	Kinds, Changes     string
	Reached            bool
}

func (r *Report) routeViews() (views []routeView) {
	for _, one := range r.runs {
		for _, way := range one.paths.order {
			if !r.shown.fits("routes", max(len(way.hops), 1), mostHopRows) {
				continue
			}
			v := way.view()
			v.Run = r.runName(one)
			for _, h := range way.hops {
				r.book.note(explain.Hop, h.kinds...)
			}
			views = append(views, v)
		}
	}
	return views
}

func (r *route) view() routeView {
	v := routeView{Title: r.target}
	if r.port != 0 && !strings.Contains(r.target, ":"+portWord(r.port)) {
		v.Title += " port " + portWord(r.port)
	}
	for _, ttl := range slices.Sorted(maps.Keys(r.hops)) {
		v.Hops = append(v.Hops, r.hops[ttl].view(ttl))
	}
	return v
}

func (p *hop) view(ttl int) hopView {
	v := hopView{
		TTL: ttl, Silent: p.answers == 0, Answers: fmt.Sprintf("%d of %d", p.answers, p.queries),
		Changes: strings.Join(p.changes, ", "), Loss: 1 - float64(p.answers)/float64(max(1, p.queries)),
	}
	for _, a := range p.by {
		who := a.addr.String()
		if a.name != "" && a.name != who {
			who = a.name + " (" + who + ")"
		}
		v.Who = append(v.Who, who)
	}
	if p.more > 0 {
		v.Who = append(v.Who, "and others")
	}
	if p.times.Distribution.N() > 0 {
		v.Best, v.Median = units.Duration(p.times.Distribution.Min()), units.Duration(p.times.Distribution.Percentile(50))
	}
	if p.sum != nil {
		v.Best, v.Median, v.Last = spell(p.sum.Min), spell(p.sum.P50), spell(p.sum.Max)
	}
	kinds := slices.DeleteFunc(slices.Clone(p.kinds), func(k string) bool { return k == "none" })
	v.Kinds = strings.Join(kinds, ", ")
	v.Reached = slices.Contains(p.kinds, "syn-ack") || slices.Contains(p.kinds, "rst")
	return v
}

// pathView is a graph on the page, and its edges in words.
type pathView struct {
	Title, Run, Facts string
	Graph             template.HTML
	Nodes             int
	Edges             []string
	Paths             []pathRow
}

type pathRow struct{ Way, Flows, End, Lost, Mean string }

func (p *oneOfPaths) row() pathRow {
	return pathRow{strings.Join(p.Nodes, " → "), units.Count(p.Flows), p.End, lossWords(p.Lost, p.Sent), spell(p.Mean)}
}

func (r *Report) pathViews() (views []pathView) {
	for _, one := range r.runs {
		for _, p := range one.paths.paths {
			if !r.shown.fits("graphs of paths", len(p.Nodes)+len(p.Edges)+len(p.Paths), mostGraphParts) {
				continue
			}
			v := p.view()
			v.Run = r.runName(one)
			views = append(views, v)
		}
	}
	return views
}

func (p *pathRecord) view() pathView {
	v := pathView{Title: p.Target, Nodes: len(p.Nodes), Graph: p.draw()}
	if p.Port != 0 && !strings.Contains(p.Target, ":"+portWord(p.Port)) {
		v.Title += " port " + portWord(p.Port)
	}
	facts := []string{fmt.Sprintf("%s, %s", units.Plural(uint64(len(p.Nodes)), "node", "nodes"), units.Plural(uint64(len(p.Edges)), "link", "links"))}
	if flows := flowWords(p.Flows); flows != "" {
		facts = append(facts, flows)
	}
	if p.More {
		facts = append(facts, "there may be more paths")
	}
	if p.Confidence != nil {
		facts = append(facts, units.Significant(100**p.Confidence, 1)+" % sure that these are all")
	}
	v.Facts = strings.Join(facts, ", ")
	for _, way := range p.Paths[:min(len(p.Paths), mostNodes)] {
		v.Paths = append(v.Paths, way.row())
	}
	labels := map[string]string{}
	for i, n := range p.Nodes {
		labels[n.key], labels[fmt.Sprint(i)] = n.label, n.label
	}
	for _, e := range p.Edges {
		words := cmp.Or(labels[e.from], e.from) + " → " + cmp.Or(labels[e.to], e.to)
		if e.uncertain {
			words += " (not certain)"
		}
		if e.loss > 0 {
			words += ", " + units.Significant(100*e.loss, 1) + " % lost"
		}
		v.Edges = append(v.Edges, words)
	}
	return v
}

func flowWords(raw json.RawMessage) string {
	var n uint64
	var list []json.RawMessage
	switch {
	case raw == nil:
		return ""
	case json.Unmarshal(raw, &n) == nil:
	case json.Unmarshal(raw, &list) == nil:
		n = uint64(len(list))
	default:
		return ""
	}
	return units.Plural(n, "flow", "flows")
}
