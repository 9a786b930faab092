package text

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/internal/report/units"
	"synscope/probe"
	"synscope/probe/paths"
	"synscope/probe/rtt"
	"synscope/probe/trace"
)

// pathTree draws paths as a tree: a line a node, branches where a router sends
// flows different ways, and back together where the ways meet again.
type pathTree struct {
	*record.Paths
	paint painter
	next  map[int][]*paths.Edge // by where they come from
	meet  map[int]int           // where all living ways from a node meet again; absent: nowhere
	shown map[int]bool
	wide  treeColumns
	most  int // columns of a line; 0 is no limit
	lines []string
}

// PathTree are the lines of the tree, each within so many columns where addresses and
// names allow; of more than 80, and where 0 stands for no limit, it takes 80.
func PathTree(r *record.Paths, colour sink.Paint, columns int) []string {
	t := &pathTree{Paths: r, paint: painter{colour}, next: map[int][]*paths.Edge{}, shown: map[int]bool{}, wide: treeWithin(columns), most: columns}
	for i := range r.Edges {
		e := &r.Edges[i]
		t.next[e.From] = append(t.next[e.From], e)
	}
	for _, edges := range t.next {
		slices.SortStableFunc(edges, func(a, b *paths.Edge) int { return r.Nodes[a.To].Addr.Compare(r.Nodes[b.To].Addr) })
	}
	t.meet = meetings(r.Nodes, t.next)
	t.lines = append(t.lines, t.paint.paint(dim, t.wide.row("hop", "", "", "flows", "loss", "rtt")))
	if len(r.Nodes) > 0 {
		t.walk(0, -1, "", "")
	}
	return t.lines
}

// meetings finds for each node the nearest that all living ways from it pass: the
// immediate post-dominator in the graph without its dead ends.
func meetings(nodes []paths.Node, next map[int][]*paths.Edge) map[int]int {
	passed := make([]map[int]bool, len(nodes)) // on all ways from a node
	meet := map[int]int{}
	for id := len(nodes) - 1; id >= 0; id-- { // links go to higher TTLs, and so to higher numbers
		var common map[int]bool
		for _, e := range next[id] {
			if !nodes[e.To].Reaches && len(nodes) > 0 && nodes[0].Reaches {
				continue
			}
			common = intersection(common, passed[e.To])
		}
		best := -1
		for c := range common {
			if best < 0 || nodes[c].TTL < nodes[best].TTL {
				best = c
			}
		}
		if best >= 0 {
			meet[id] = best
		}
		passed[id] = map[int]bool{id: true}
		for c := range common {
			passed[id][c] = true
		}
	}
	return meet
}

// intersection is what two sets have in common; nil is all.
func intersection(a, b map[int]bool) map[int]bool {
	if a == nil {
		return b
	}
	both := map[int]bool{}
	for k := range a {
		if b[k] {
			both[k] = true
		}
	}
	return both
}

// walk writes a node and what is behind it, up to but not including stop. first is
// what stands before its own line, rest before the following ones.
func (t *pathTree) walk(id, stop int, first, rest string) {
	for id >= 0 && id != stop {
		if t.shown[id] {
			t.write(t.Nodes[id].TTL, first, "→ "+t.word(id)+", as above", nil, plain)
			return
		}
		t.shown[id] = true
		t.node(id, first)
		first = rest
		branches := t.next[id]
		if len(branches) == 1 {
			id = branches[0].To
			continue
		}
		end, meets := t.meet[id]
		if !meets {
			end = stop
		}
		t.branch(branches, end, rest)
		if !meets {
			return
		}
		id = end
	}
}

// branch writes the ways from a node to where they meet.
func (t *pathTree) branch(branches []*paths.Edge, end int, rest string) {
	if t.only(branches, end) { // the others are dead ends
		branches = slices.DeleteFunc(slices.Clone(branches), func(e *paths.Edge) bool { return e.To == end })
	}
	for i, e := range branches {
		first, more := "├ ", "│ "
		if i == len(branches)-1 {
			first, more = "└ ", "  "
		}
		if e.To == end {
			t.write(t.Nodes[end].TTL, rest+first, "→ "+t.word(end), nil, plain)
			continue
		}
		t.walk(e.To, end, rest+first, rest+more)
	}
}

// only tells whether one of several ways goes on, straight to a node.
func (t *pathTree) only(branches []*paths.Edge, end int) bool {
	n := 0
	for _, e := range branches {
		if t.Nodes[e.To].Reaches {
			n++
		}
	}
	return n == 1 && slices.ContainsFunc(branches, func(e *paths.Edge) bool { return e.To == end })
}

// node writes the line of a node, and what is remarkable about it.
func (t *pathTree) node(id int, before string) {
	n := &t.Nodes[id]
	words := t.word(id)
	if n.Balance == paths.BalancePacket {
		words += " (packet by packet)"
	}
	style := bold
	switch {
	case n.Dead:
		style = red
	case n.Box:
		style = yellow
	case !n.Addr.IsValid() && id > 0:
		style = dim
	}
	t.write(n.TTL, before, words, n, style)
}

// word is what a node is called.
func (t *pathTree) word(id int) string {
	n := &t.Nodes[id]
	switch {
	case id == 0:
		return "this machine (" + t.Source.String() + ")"
	case n.Dead:
		return t.deadWord(id)
	case n.Box:
		return "somebody in the target's name: " + answerWord(n)
	case !n.Addr.IsValid():
		return "* silent"
	}
	word := n.Addr.String()
	if name := t.Names[n.Addr]; name != "" {
		word = units.Printable(name) + " (" + word + ")"
	}
	if n.Kind != trace.HopTimeExceeded {
		word += " " + answerWord(n)
	}
	return word
}

func (t *pathTree) deadWord(id int) string {
	for _, d := range t.Dead {
		if d.Node == id && d.Far >= 0 {
			return "✗ dead before " + t.Name(d.Far)
		}
	}
	if len(t.Dead) > 0 {
		return "✗ dead"
	}
	return "* silence from here on"
}

// answerWord is what somebody at the end of the way answers.
func answerWord(n *paths.Node) string {
	if n.ICMP != nil {
		reason, _ := probe.ICMPMeaning(n.Addr, n.ICMP.Type, n.ICMP.Code)
		return string(reason)
	}
	return n.Kind.String()
}

// Widths of the columns of a tree.
const (
	ttlWide       = 3
	nodeWide      = 44
	leastNode     = 20 // of a node, so that the address of most has room
	flowsWide     = 5
	lossWide      = 10
	pathRTTColumn = 12
)

// treeColumns are the widths of a tree's columns; 0 is one that there is no room for.
type treeColumns struct{ node, flows, loss, rtt int }

// treeWithin are the columns of a tree on a terminal: the nodes give room first, then
// the flows go.
func treeWithin(columns int) treeColumns {
	all := treeColumns{nodeWide, flowsWide, lossWide, pathRTTColumn}
	over := all.wide() - columns
	switch {
	case columns == 0 || over <= 0:
		return all
	case nodeWide-over >= leastNode:
		all.node -= over
		return all
	}
	return treeColumns{node: leastNode, loss: len("10/10"), rtt: len("99.9 µs")}
}

func (w treeColumns) wide() int { return ttlWide + 1 + w.node + 1 + w.flows + 1 + w.loss + 1 + w.rtt }

// write adds the line of a node; a nil one is only mentioned, and has no figures. What
// stands in the tree keeps its colour to itself. Where a name is too long for a terminal,
// the figures stand on a line below.
func (t *pathTree) write(ttl int, before, words string, n *paths.Node, s style) {
	flows, loss, time := "", "", ""
	if n != nil && ttl > 0 {
		flows, loss, time = strconv.Itoa(n.Flows), lossOf(&n.Stats), timeOf(&n.Stats)
	}
	number := strconv.Itoa(ttl)
	lines := []string{t.wide.row(number, before, words, flows, loss, time)}
	if t.most > 0 && utf8.RuneCountInString(lines[0]) > t.most && flows != "" {
		bars := strings.NewReplacer("├", "│", "└", " ").Replace(before)
		lines = []string{t.wide.row(number, before, words, "", "", ""), t.wide.row("", bars, "", flows, loss, time)}
	}
	lines[0] = strings.Replace(lines[0], words, t.paint.paint(s, words), 1)
	t.lines = append(t.lines, lines...)
}

// row lays out a line.
func (w treeColumns) row(ttl, before, words, flows, loss, time string) string {
	line := fmt.Sprintf("%*s %s%s", ttlWide, ttl, before, units.Padded(words, w.node-utf8.RuneCountInString(before)))
	for _, c := range []struct {
		text string
		wide int
	}{{flows, w.flows}, {loss, w.loss}, {time, w.rtt}} {
		if c.wide > 0 {
			line += " " + leftPadded(c.text, c.wide)
		}
	}
	return strings.TrimRight(line, " ")
}

// lossOf is "2/15", or nothing where nothing was sent.
func lossOf(s *rtt.Summary) string {
	if s.Sent == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.Lost, s.Sent)
}

func timeOf(s *rtt.Summary) string {
	if s.Measured == 0 {
		return ""
	}
	return units.Duration(s.Mean)
}

// paths are the lines about all paths to a target.
func (t *traceText) paths(r *record.Paths) []string {
	lines := append([]string{t.paint.paint(bold, "paths to "+hostPort(r.Target, r.Addr, r.Port))}, PathTree(r, t.o.Colour, t.limit())...)
	lines = append(lines, "")
	lines = append(lines, t.pathTable(r)...)
	lines = append(lines, pathSums(r)...)
	for _, f := range r.Findings {
		lines = append(lines, broken(t.finding(f, ""), t.prose(80))...)
	}
	return lines
}

// manyPaths is up to how many paths are listed one by one.
const manyPaths = 32

// pathTable lists the paths with what they do not have in common.
func (t *traceText) pathTable(r *record.Paths) (lines []string) {
	if len(r.Map.Paths) < 2 || len(r.Map.Paths) > manyPaths {
		return nil
	}
	lines = append(lines, t.paint.paint(dim, fmt.Sprintf("%4s %5s %*s %*s  %s", "path", "flows", lossWide, "loss", pathRTTColumn, "rtt", "by way of")))
	for i, p := range r.Map.Paths {
		stats := p.Stats
		loss := lossOf(&stats)
		if stats.Sent == 0 && p.Sent > 0 {
			loss = fmt.Sprintf("%d/%d", p.Lost, p.Sent)
		}
		lines = append(lines, fmt.Sprintf("%4d %5d %*s %*s  %s", i+1, len(p.Flows), lossWide, loss, pathRTTColumn, timeOf(&stats), own(r, i)))
	}
	return append(lines, "")
}

// own are the nodes of a path that not all paths have.
func own(r *record.Paths, i int) string {
	var words []string
	left := 0
	for _, id := range r.Map.Paths[i].Nodes {
		everywhere := !slices.ContainsFunc(r.Map.Paths, func(p paths.Path) bool { return !slices.Contains(p.Nodes, id) })
		switch {
		case everywhere:
		case len(strings.Join(words, " ")) > 36:
			left++
		case r.Nodes[id].Dead:
			words = append(words, "✗ dead")
		default:
			words = append(words, r.Words([]int{id})...)
		}
	}
	if left > 0 {
		words = append(words, fmt.Sprintf("+%d", left))
	}
	return strings.Join(words, " ")
}

// pathSums say how many paths there are, and how sure that is.
func pathSums(r *record.Paths) []string {
	count := units.CountOf(uint64(len(r.Map.Paths)), "path")
	if r.More {
		count = "more than " + count
	}
	line := fmt.Sprintf("%s; %s that none is missing", count, SureWords(r.Confidence))
	switch {
	case r.Confidence == 0:
		line = count + "; whether any is missing is not known"
	case !r.Complete && r.Flowless:
		line += ": there were too few source ports for more"
	case !r.Complete:
		line += ": the exploration ended early"
	}
	if len(r.Nodes) > 0 && !r.Nodes[0].Reaches {
		line = strings.Replace(line, count, count+", and none reaches the target", 1)
	}
	used := 0
	for _, f := range r.Flows {
		if len(f.Hops) > 0 {
			used++
		}
	}
	sent := fmt.Sprintf("%s from %s; the rule asks for %s", units.CountOf(uint64(r.Probes), "SYN"),
		units.CountOf(uint64(used), "source port"), units.Count(uint64(r.Asked)))
	if r.Repeated > 0 {
		sent += fmt.Sprintf(", %s were repeated", units.Count(uint64(r.Repeated)))
	}
	return []string{line, sent}
}

// broken breaks a line at spaces, so that it fits so many columns; what follows is
// indented. Sequences of colour have no width.
func broken(line string, columns int) (lines []string) {
	const indent = "    "
	current, width := "", 0
	for i, word := range strings.Split(line, " ") {
		w := shownWidth(word)
		if i > 0 && width+1+w > columns && strings.TrimSpace(current) != "" {
			lines = append(lines, current)
			current, width = indent+word, len(indent)+w
			continue
		}
		if i > 0 {
			current += " "
			width++
		}
		current += word
		width += w
	}
	return append(lines, current)
}

// shownWidth is how many columns a word takes, without sequences of colour.
func shownWidth(word string) int {
	for {
		start := strings.Index(word, "\x1b[")
		if start < 0 {
			return utf8.RuneCountInString(word)
		}
		end := strings.IndexByte(word[start:], 'm')
		if end < 0 {
			return utf8.RuneCountInString(word)
		}
		word = word[:start] + word[start+end+1:]
	}
}
