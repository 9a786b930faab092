package htmlreport

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"synscope/internal/report/units"
)

// Measures of a graph, in pixels: nodes stand in rows by their distance, from
// above downwards, so that a phone has room for it.
const (
	nodeWide = 168.0
	nodeHigh = 40.0
	nodeGapX = 18.0
	nodeGapY = 34.0
	graphPad = 8.0
)

// draw is the graph as an SVG element that scrolls sideways where it is wide.
func (p *pathRecord) draw() template.HTML {
	if len(p.Nodes) == 0 {
		return ""
	}
	levels := p.levels()
	deepest, widest := 0, 0
	rows := map[int][]int{} // nodes by level
	for i, level := range levels {
		rows[level] = append(rows[level], i)
		deepest, widest = max(deepest, level), max(widest, len(rows[level]))
	}
	wide := float64(widest)*(nodeWide+nodeGapX) - nodeGapX + 2*graphPad
	at := make([][2]float64, len(p.Nodes))
	for level, row := range rows {
		left := (wide - float64(len(row))*(nodeWide+nodeGapX) + nodeGapX) / 2
		for k, i := range row {
			at[i] = [2]float64{left + float64(k)*(nodeWide+nodeGapX), graphPad + float64(level)*(nodeHigh+nodeGapY)}
		}
	}
	var b strings.Builder
	high := float64(deepest+1)*(nodeHigh+nodeGapY) - nodeGapY + 2*graphPad
	fmt.Fprintf(&b, `<svg class="graph" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" aria-label="the paths as a graph">`, wide, high, wide, high)
	p.drawEdges(&b, at)
	for i, n := range p.Nodes {
		n.draw(&b, at[i])
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// index finds nodes by their key, or by their number in the list.
func (p *pathRecord) index() map[string]int {
	index := map[string]int{}
	for i := range p.Nodes {
		index[fmt.Sprint(i)] = i
	}
	for i, n := range p.Nodes {
		index[n.key] = i
	}
	return index
}

// levels are the nodes' rows: their distances where these are known, else the
// longest way to them along edges.
func (p *pathRecord) levels() []int {
	levels := make([]int, len(p.Nodes))
	known := slices.ContainsFunc(p.Nodes, func(n pathNode) bool { return n.ttl > 0 })
	if known {
		ttls := []int{}
		for _, n := range p.Nodes {
			ttls = append(ttls, n.ttl)
		}
		slices.Sort(ttls)
		ttls = slices.Compact(ttls)
		for i, n := range p.Nodes {
			levels[i] = slices.Index(ttls, n.ttl)
		}
		return levels
	}
	index := p.index()
	for range min(len(p.Nodes), 64) { // cycles end there
		moved := false
		for _, e := range p.Edges {
			from, a := index[e.from]
			to, b := index[e.to]
			if a && b && from != to && levels[to] <= levels[from] && levels[from] < 63 {
				levels[to], moved = levels[from]+1, true
			}
		}
		if !moved {
			break
		}
	}
	return levels
}

func (p *pathRecord) drawEdges(b *strings.Builder, at [][2]float64) {
	index := p.index()
	for _, e := range p.Edges {
		from, known := index[e.from]
		to, also := index[e.to]
		if !known || !also {
			continue
		}
		x1, y1 := at[from][0]+nodeWide/2, at[from][1]+nodeHigh
		x2, y2 := at[to][0]+nodeWide/2, at[to][1]
		class := "edge"
		switch {
		case e.loss > 0 || p.Nodes[to].dead:
			class = "edge lossy"
		case e.uncertain:
			class = "edge unsure"
		}
		fmt.Fprintf(b, `<path class="%s" d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f"/>`, class, x1, y1, x1, y1+nodeGapY*0.6, x2, y2-nodeGapY*0.6, x2, y2)
	}
}

func (n *pathNode) draw(b *strings.Builder, at [2]float64) {
	class := "node"
	if n.loss > 0 || n.dead {
		class = "node lossy"
	}
	fmt.Fprintf(b, `<rect class="%s" x="%.1f" y="%.1f" width="%.0f" height="%.0f" rx="6"/>`, class, at[0], at[1], nodeWide, nodeHigh)
	middle := at[0] + nodeWide/2
	label := template.HTMLEscapeString(units.Shortened(cmp.Or(n.label, "*"), 26))
	if len(n.details) == 0 {
		fmt.Fprintf(b, `<text class="name" x="%.1f" y="%.1f">%s</text>`, middle, at[1]+nodeHigh/2+4, label)
		return
	}
	fmt.Fprintf(b, `<text class="name" x="%.1f" y="%.1f">%s</text>`, middle, at[1]+17, label)
	fmt.Fprintf(b, `<text class="more" x="%.1f" y="%.1f">%s</text>`, middle, at[1]+32, template.HTMLEscapeString(units.Shortened(strings.Join(n.details, ", "), 30)))
}
