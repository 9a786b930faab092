package htmlreport

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"synscope/internal/report/units"
	"synscope/probe"
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
	book[routeKey, route]
	paths []*pathRecord
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

// hopSummary is all probes of one hop of a watch.
type hopSummary struct {
	Target   string         `json:"target"`
	Port     uint16         `json:"port"`
	TTL      int            `json:"ttl"`
	Addr     netip.Addr     `json:"addr"`
	Name     string         `json:"name"`
	Others   []netip.Addr   `json:"others"`
	Kind     string         `json:"kind"`
	Sent     int            `json:"sent"`
	Received int            `json:"received"`
	Min      *time.Duration `json:"min_ns"`
	P50      *time.Duration `json:"p50_ns"`
	Max      *time.Duration `json:"max_ns"`
}

// takeSummary takes the sum of a hop in place of its probes.
func (b *pathBook) takeSummary(h *hopSummary) {
	r := b.route(routeKey{h.Target, h.Port})
	if r == nil || h.TTL < 0 || h.TTL > mostHops {
		return
	}
	at := &hop{queries: h.Sent, answers: h.Received, sum: h}
	if h.Kind != "" {
		at.kinds = []string{h.Kind}
	}
	if h.Addr.IsValid() {
		at.by = []hopAddress{{h.Addr, h.Name, h.Received}}
	}
	for _, other := range h.Others[:min(len(h.Others), mostAnswers)] {
		at.by = append(at.by, hopAddress{addr: other})
	}
	r.hops[h.TTL] = at
}

// hop is what answered at one distance.
type hop struct {
	sum              *hopSummary // nil where each probe is known
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

// route is the way to a port; nil where there is no room for another.
func (b *pathBook) route(key routeKey) *route {
	return b.entry(key, mostRoutes, func() *route { return &route{routeKey: key, hops: map[int]*hop{}} })
}

func (b *pathBook) takeHop(h *hopRecord) {
	r := b.route(routeKey{h.Target, h.Port})
	if r == nil || h.TTL < 0 || h.TTL > mostHops {
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

// pathRecord is all the paths to a port: a graph. What a node or an edge holds is
// read by its usual names; a node may be a mere word, an edge a pair of them.
type pathRecord struct {
	Target     string          `json:"target"`
	Addr       netip.Addr      `json:"addr"`
	Port       uint16          `json:"port"`
	Nodes      []pathNode      `json:"nodes"`
	Edges      []pathEdge      `json:"edges"`
	Flows      json.RawMessage `json:"flows"`
	Paths      []oneOfPaths    `json:"paths"`
	More       bool            `json:"more_paths"`
	Confidence *float64        `json:"confidence"`
	Findings   []probe.Finding `json:"findings"`
}

// oneOfPaths is one way through a graph.
type oneOfPaths struct {
	Nodes []string       `json:"nodes"`
	Flows uint64         `json:"flows"`
	End   string         `json:"end"`
	Sent  uint64         `json:"probes_sent"`
	Lost  uint64         `json:"probes_lost"`
	Mean  *time.Duration `json:"mean_ns"`
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
	dead       bool
	details    []string
}

type pathEdge struct {
	from, to  string
	loss      float64
	uncertain bool
}

func (r *run) takePaths(p *pathRecord) {
	r.takeFindings(place{Target: p.Target, Addr: p.Addr, Port: p.Port}, p.Findings)
	r.paths.takePath(p)
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
		n.key = units.Shortened(phrase(b), longestText)
		n.label = n.key
		return nil
	}
	n.key = cmp.Or(phrase(fields["id"]), phrase(fields["addr"]), phrase(fields["name"]))
	addr := phrase(fields["addr"])
	kind := phrase(fields["kind"])
	n.label = cmp.Or(addr, phrase(fields["name"]), phrase(fields["label"]), kindNames[kind], "*")
	n.key, n.label = units.Shortened(n.key, longestText), units.Shortened(n.label, longestText)
	n.dead = kind == "dead"
	if words := kindNotes[kind]; words != "" {
		n.details = append(n.details, words)
	}
	if name := phrase(fields["name"]); name != "" && name != n.label {
		n.details = append(n.details, units.Shortened(name, longestText))
	}
	for _, key := range []string{"ttl", "hop", "depth"} {
		if raw := fields[key]; n.ttl == 0 && raw != nil {
			_ = json.Unmarshal(raw, &n.ttl) // what is no number is no distance
		}
	}
	n.measures(fields)
	return nil
}

// kindNames are nodes without an address, kindNotes what else is to be said of one.
var (
	kindNames = map[string]string{"self": "this machine", "silent": "no answer", "dead": "nothing comes further"}
	kindNotes = map[string]string{"self": "this machine", "box": "answers for the target", "syn-ack": "the port", "rst": "the port"}
)

// measures are a node's loss and times.
func (n *pathNode) measures(fields map[string]json.RawMessage) {
	if raw := fields["loss"]; raw != nil && json.Unmarshal(raw, &n.loss) == nil && n.loss > 0 {
		n.details = append(n.details, units.Significant(100*n.loss, 1)+" % lost")
	}
	for _, key := range []string{"p50_ns", "rtt_ns", "mean_ns", "min_ns"} {
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
		e.from, e.to = units.Shortened(phrase(pair[0]), longestText), units.Shortened(phrase(pair[1]), longestText)
		return nil
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	first := func(keys ...string) string {
		for _, k := range keys {
			if raw := fields[k]; raw != nil {
				return units.Shortened(phrase(raw), longestText)
			}
		}
		return ""
	}
	e.from, e.to = first("from", "a", "source", "src"), first("to", "b", "target", "dst")
	e.uncertain = string(fields["uncertain"]) == "true"
	e.loss = number(fields["loss"])
	if sent := number(fields["sent"]); sent > 0 && fields["loss"] == nil {
		e.loss = number(fields["lost"]) / sent
	}
	return nil
}

// number is a number, 0 where a value is none.
func number(raw json.RawMessage) (v float64) {
	if raw == nil || json.Unmarshal(raw, &v) != nil {
		return 0
	}
	return v
}
