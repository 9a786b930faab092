package record

import (
	"net/netip"
	"strconv"
	"time"

	"synscope/probe/paths"
	"synscope/probe/rtt"
)

// Paths is all paths to a target: "path" in the outputs.
type Paths struct {
	Target string // what the user typed
	Addr   netip.Addr
	Port   uint16
	*paths.Map
	Names map[netip.Addr]string // of those who answered, as far as they have any
}

// NewPaths makes the record of a map; the address stands in for an empty target.
func NewPaths(target string, m *paths.Map, names map[netip.Addr]string) *Paths {
	r := &Paths{Target: target, Addr: m.Target.Addr(), Port: m.Target.Port(), Map: m, Names: names}
	if target == "" {
		r.Target = r.Addr.String()
	}
	return r
}

// Type is "path".
func (*Paths) Type() string { return "path" }

// Fields names all fields that are present.
func (r *Paths) Fields(w FieldWriter) {
	w.Str("target", r.Target)
	w.Addr("addr", r.Addr)
	w.Uint("port", uint64(r.Port))
	w.Objects("nodes", len(r.Nodes), func(w FieldWriter, i int) { r.node(w, &r.Nodes[i]) })
	w.Objects("edges", len(r.Edges), func(w FieldWriter, i int) { r.edge(w, &r.Edges[i]) })
	w.Objects("paths", len(r.Paths), func(w FieldWriter, i int) { r.path(w, &r.Map.Paths[i]) })
	w.Objects("flows", len(r.Flows), func(w FieldWriter, i int) { r.flow(w, &r.Flows[i]) })
	w.Objects("dead", len(r.Dead), func(w FieldWriter, i int) { r.dead(w, &r.Dead[i]) })
	w.Bool("more_paths", r.More)
	w.Float("confidence", r.Confidence)
	w.Bool("complete", r.Complete)
	w.Uint("probes", uint64(r.Probes))
	w.Uint("repeated", uint64(r.Repeated))
	w.Uint("asked", uint64(r.Asked))
	findingsField(w, "findings", r.Findings)
}

func (r *Paths) node(w FieldWriter, n *paths.Node) {
	w.Uint("id", uint64(n.ID))
	w.Uint("ttl", uint64(n.TTL))
	addrField(w, "addr", r.AddrOf(n))
	strField(w, "name", r.Names[n.Addr])
	w.Str("kind", r.KindOf(n))
	strField(w, "balances", n.Balance.String())
	w.Uint("flows", uint64(n.Flows))
	statistics(w, &n.Stats)
	if n.ICMP != nil {
		w.Uint("icmp_type", uint64(n.ICMP.Type))
		w.Uint("icmp_code", uint64(n.ICMP.Code))
	}
	if len(n.Changes) > 0 {
		words := make([]string, len(n.Changes))
		for i, c := range n.Changes {
			words[i] = c.String()
		}
		w.Strs("quote_changes", words)
	}
}

// AddrOf is a node's address: the first node is this machine.
func (r *Paths) AddrOf(n *paths.Node) netip.Addr {
	if n.ID == 0 {
		return r.Source
	}
	return n.Addr
}

// KindOf is what a node is, in one word: a kind of hop, or "self", "silent", "dead",
// or "box" for one that answers in the target's name.
func (r *Paths) KindOf(n *paths.Node) string {
	switch {
	case n.ID == 0:
		return "self"
	case n.Dead:
		return "dead"
	case n.Box:
		return "box"
	case !n.Addr.IsValid():
		return "silent"
	}
	return n.Kind.String()
}

// statistics writes what probes measured, as far as they did.
func statistics(w FieldWriter, s *rtt.Summary) {
	if s.Sent == 0 {
		return
	}
	w.Uint("sent", s.Sent)
	w.Uint("lost", s.Lost)
	w.Float("loss", s.Loss)
	if s.Measured == 0 {
		return
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"min_ns", s.Min}, {"mean_ns", s.Mean}, {"max_ns", s.Max},
	} {
		w.Nanoseconds(f.name, f.value)
	}
}

func (r *Paths) edge(w FieldWriter, e *paths.Edge) {
	w.Uint("from", uint64(e.From))
	w.Uint("to", uint64(e.To))
	w.Uint("flows", uint64(e.Flows))
	w.Uint("sent", e.Sent)
	w.Uint("lost", e.Lost)
	w.Bool("uncertain", e.Uncertain)
}

func (r *Paths) path(w FieldWriter, p *paths.Path) {
	w.Strs("nodes", r.Words(p.Nodes))
	w.Uint("flows", uint64(len(p.Flows)))
	w.Str("end", p.End.String())
	statistics(w, &p.Stats)
	w.Uint("probes_sent", p.Sent)
	w.Uint("probes_lost", p.Lost)
}

// Words are nodes as people and scripts read them: the address, "*" for a silent
// hop, "?" where it is not known which a flow passes.
func (r *Paths) Words(nodes []int) []string {
	words := make([]string, len(nodes))
	for i, id := range nodes {
		switch {
		case id < 0:
			words[i] = "?"
		case !r.Nodes[id].Addr.IsValid():
			words[i] = "*"
		default:
			words[i] = r.Nodes[id].Addr.String()
		}
	}
	return words
}

func (r *Paths) flow(w FieldWriter, f *paths.Flow) {
	w.Uint("sport", uint64(f.Port))
	w.Strs("nodes", r.Words(f.Nodes))
	w.Str("end", f.End.String())
	if f.Path >= 0 {
		w.Uint("path", uint64(f.Path))
	}
	sent, lost := 0, 0
	for _, h := range f.Hops {
		sent, lost = sent+h.Sent, lost+h.Lost
	}
	w.Uint("sent", uint64(sent))
	w.Uint("lost", uint64(lost))
}

func (r *Paths) dead(w FieldWriter, d *paths.Dead) {
	w.Uint("near", uint64(d.Near))
	if d.Far >= 0 {
		w.Uint("far", uint64(d.Far))
	}
	w.Uint("node", uint64(d.Node))
	w.Bool("refused", d.Refused)
	w.Uint("probes", uint64(d.Probes))
	ports := make([]string, len(d.Flows))
	for i, p := range d.Flows {
		ports[i] = strconv.Itoa(int(p))
	}
	w.Strs("sports", ports)
}

// PathColumns are the fields of a [PathHop] in their order, present or not.
func PathColumns() []string {
	return []string{
		"target", "addr", "port", "path", "ttl", "hop", "name", "kind", "balances", "flows", "sent", "lost", "loss",
		"min_ns", "mean_ns", "max_ns",
	}
}

// Hops are all hops of all paths, for tables.
func (r *Paths) Hops() (list []*PathHop) {
	for i, p := range r.Map.Paths {
		for _, id := range p.Nodes {
			list = append(list, &PathHop{of: r, path: i, node: &r.Nodes[id]})
		}
	}
	return list
}

// PathHop is one hop of one path: a row of a table. In lists of objects it is a node.
type PathHop struct {
	of   *Paths
	path int
	node *paths.Node
}

// Type is "path", since a table of paths consists of them.
func (*PathHop) Type() string { return (*Paths)(nil).Type() }

// Fields names all fields that are present.
func (h *PathHop) Fields(w FieldWriter) {
	w.Str("target", h.of.Target)
	w.Addr("addr", h.of.Addr)
	w.Uint("port", uint64(h.of.Port))
	w.Uint("path", uint64(h.path))
	w.Uint("ttl", uint64(h.node.TTL))
	addrField(w, "hop", h.node.Addr)
	strField(w, "name", h.of.Names[h.node.Addr])
	w.Str("kind", h.of.KindOf(h.node))
	strField(w, "balances", h.node.Balance.String())
	w.Uint("flows", uint64(h.node.Flows))
	statistics(w, &h.node.Stats)
}
