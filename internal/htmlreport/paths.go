package htmlreport

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"synscope/internal/report/units"
	"synscope/probe/rtt"
)

// Limits on what is kept of paths.
const (
	mostRoutes  = 200 // of a run
	mostHops    = 255 // of a route
	mostAnswers = 8   // addresses of a hop
)

// pathBook is the ways that a run found.
type pathBook struct {
	order []*route
	of    map[routeKey]*route
	paths []*pathRecord
	left  uint64
}

type routeKey struct {
	target string
	port   uint16
}

// route is the way to a port, hop by hop.
type route struct {
	routeKey
	hops map[int]*hop
}

// hop is what answered at one distance.
type hop struct {
	queries, answers int
	times            rtt.Series
	by               []hopAddress
	more             int // addresses that there is no room for
	kinds, changes   []string
}

type hopAddress struct {
	addr netip.Addr
	name string
	n    int
}

func (b *pathBook) takeHop(h *hopRecord) {
	key := routeKey{h.Target, h.Port}
	r := b.of[key]
	if r == nil {
		if len(b.order) == mostRoutes {
			b.left++
			return
		}
		if b.of == nil {
			b.of = map[routeKey]*route{}
		}
		r = &route{routeKey: key, hops: map[int]*hop{}}
		b.of[key], b.order = r, append(b.order, r)
	}
	if h.TTL < 0 || h.TTL > mostHops {
		return
	}
	at := r.hops[h.TTL]
	if at == nil {
		at = &hop{}
		r.hops[h.TTL] = at
	}
	at.take(h)
}

func (p *hop) take(h *hopRecord) {
	p.queries++
	if h.Kind != "" && !slices.Contains(p.kinds, h.Kind) && len(p.kinds) < mostAnswers {
		p.kinds = append(p.kinds, h.Kind)
	}
	for _, c := range h.Changes {
		if !slices.Contains(p.changes, c) && len(p.changes) < mostAnswers {
			p.changes = append(p.changes, c)
		}
	}
	if !h.Addr.IsValid() {
		return
	}
	p.answers++
	if h.RTT != nil {
		p.times.Add(*h.RTT)
	}
	i := slices.IndexFunc(p.by, func(a hopAddress) bool { return a.addr == h.Addr })
	switch {
	case i >= 0:
		p.by[i].n++
	case len(p.by) == mostAnswers:
		p.more++
	default:
		p.by = append(p.by, hopAddress{h.Addr, h.Name, 1})
	}
}

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
			v := way.view()
			if len(r.runs) > 1 {
				v.Run = one.short()
			}
			for _, h := range way.hops {
				r.book.note(h.kinds...)
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
	kinds := slices.DeleteFunc(slices.Clone(p.kinds), func(k string) bool { return k == "none" })
	v.Kinds = strings.Join(kinds, ", ")
	v.Reached = slices.Contains(p.kinds, "syn-ack") || slices.Contains(p.kinds, "rst")
	return v
}

// pathRecord is all the paths to a port: a graph. What a node or an edge holds is
// read by its usual names; a node may be a mere word, an edge a pair of them.
type pathRecord struct {
	Target     string          `json:"target"`
	Port       uint16          `json:"port"`
	Nodes      []pathNode      `json:"nodes"`
	Edges      []pathEdge      `json:"edges"`
	Flows      json.RawMessage `json:"flows"`
	Confidence *float64        `json:"confidence"`
}

// Limits on a graph.
const (
	mostNodes = 500
	mostEdges = 2_000
)

type pathNode struct {
	key, label string
	ttl        int // 0 unknown
	loss       float64
	details    []string
}

type pathEdge struct {
	from, to string
	loss     float64
}

func (b *pathBook) takePath(p *pathRecord) {
	if len(b.paths) == mostRoutes || len(p.Nodes) > mostNodes || len(p.Edges) > mostEdges {
		b.left++
		return
	}
	for i := range p.Nodes {
		if p.Nodes[i].key == "" {
			p.Nodes[i].key = fmt.Sprint(i)
		}
	}
	b.paths = append(b.paths, p)
}

func (n *pathNode) UnmarshalJSON(b []byte) error {
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(b, &fields) != nil {
		n.key = phrase(b)
		n.label = n.key
		return nil
	}
	n.key = cmp.Or(phrase(fields["id"]), phrase(fields["addr"]), phrase(fields["name"]))
	addr := phrase(fields["addr"])
	n.label = cmp.Or(addr, phrase(fields["name"]), phrase(fields["label"]), "*")
	if name := phrase(fields["name"]); name != "" && name != n.label {
		n.details = append(n.details, name)
	}
	for _, key := range []string{"ttl", "hop", "depth"} {
		if raw := fields[key]; n.ttl == 0 && raw != nil {
			_ = json.Unmarshal(raw, &n.ttl) // what is no number is no distance
		}
	}
	n.measures(fields)
	return nil
}

// measures are a node's loss and times.
func (n *pathNode) measures(fields map[string]json.RawMessage) {
	if raw := fields["loss"]; raw != nil && json.Unmarshal(raw, &n.loss) == nil && n.loss > 0 {
		n.details = append(n.details, units.Significant(100*n.loss, 1)+" % lost")
	}
	for _, key := range []string{"p50_ns", "rtt_ns", "min_ns"} {
		var d time.Duration
		if raw := fields[key]; raw != nil && json.Unmarshal(raw, &d) == nil {
			n.details = append(n.details, units.Duration(d))
			return
		}
	}
}

func (e *pathEdge) UnmarshalJSON(b []byte) error {
	var pair []json.RawMessage
	if json.Unmarshal(b, &pair) == nil {
		if len(pair) < 2 {
			return fmt.Errorf("an edge of %d ends", len(pair))
		}
		e.from, e.to = phrase(pair[0]), phrase(pair[1])
		return nil
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	first := func(keys ...string) string {
		for _, k := range keys {
			if raw := fields[k]; raw != nil {
				return phrase(raw)
			}
		}
		return ""
	}
	e.from, e.to = first("from", "a", "source", "src"), first("to", "b", "target", "dst")
	if raw := fields["loss"]; raw != nil {
		_ = json.Unmarshal(raw, &e.loss) // what is no number is no loss
	}
	return nil
}

// pathView is a graph on the page, and its edges in words.
type pathView struct {
	Title, Run, Facts string
	Graph             template.HTML
	Nodes             int
	Edges             []string
}

func (r *Report) pathViews() (views []pathView) {
	for _, one := range r.runs {
		for _, p := range one.paths.paths {
			v := p.view()
			if len(r.runs) > 1 {
				v.Run = one.short()
			}
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
	if p.Confidence != nil {
		facts = append(facts, units.Significant(100**p.Confidence, 1)+" % sure that these are all")
	}
	v.Facts = strings.Join(facts, ", ")
	labels := map[string]string{}
	for i, n := range p.Nodes {
		labels[n.key], labels[fmt.Sprint(i)] = n.label, n.label
	}
	for _, e := range p.Edges {
		words := cmp.Or(labels[e.from], e.from) + " → " + cmp.Or(labels[e.to], e.to)
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
