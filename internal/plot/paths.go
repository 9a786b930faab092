package plot

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"net/netip"
	"slices"
	"strconv"

	"synscope/internal/picture"
	"synscope/internal/report/units"
	"synscope/probe/paths"
	"synscope/probe/trace"
)

// Paths draws all paths to a port into a file that is there afterwards whole or as
// it was before: hops from left to right, a line for each link, wider for more
// flows. names are those of addresses, as far as they have any.
func Paths(file, caption string, m *paths.Map, names map[netip.Addr]string) error {
	g := newGraph(m, names)
	p := picture.New(g.size())
	room := p.Heading(caption)
	g.panel().Draw(p, room.Inset(margin))
	return p.WriteFile(file)
}

// graph is a map with places for its nodes.
type graph struct {
	*paths.Map
	names  map[netip.Addr]string
	levels [][]int // nodes by TTL, from top to bottom
	y      []float64
}

func newGraph(m *paths.Map, names map[netip.Addr]string) *graph {
	g := &graph{Map: m, names: names, y: make([]float64, len(m.Nodes))}
	for _, n := range m.Nodes {
		for len(g.levels) <= n.TTL {
			g.levels = append(g.levels, nil)
		}
		g.levels[n.TTL] = append(g.levels[n.TTL], n.ID)
	}
	for _, level := range g.levels {
		g.order(level)
	}
	return g
}

// order puts the nodes of a level into the order of those that they follow, and
// spreads them evenly about the middle.
func (g *graph) order(level []int) {
	mean := map[int]float64{}
	for _, id := range level {
		sum, n := 0.0, 0.0
		for _, e := range g.Edges {
			if e.To == id {
				sum, n = sum+g.y[e.From], n+1
			}
		}
		mean[id] = sum / max(n, 1)
	}
	slices.SortStableFunc(level, func(a, b int) int { return cmp.Compare(mean[a], mean[b]) })
	for i, id := range level {
		g.y[id] = float64(i) - float64(len(level)-1)/2
	}
}

// Room for a node in points: names and addresses of IPv6 are long.
const (
	nodeHigh   = 46.0
	nodeWide   = 96.0
	letterWide = 5.4
	leastWide  = 420.0
	leastHigh  = 190.0
)

// widest is how many letters the longest line of a label has.
func (g *graph) widest() (n int) {
	for id := range g.Nodes {
		for _, words := range g.label(id) {
			n = max(n, len([]rune(words)))
		}
	}
	return n
}

func (g *graph) size() (wide, high float64) {
	most := 1
	for _, level := range g.levels {
		most = max(most, len(level))
	}
	hop := math.Max(nodeWide, letterWide*float64(g.widest())+14)
	return math.Max(leastWide, hop*float64(len(g.levels))+40), math.Max(leastHigh, nodeHigh*float64(most)+120)
}

func (g *graph) panel() *picture.Panel {
	last := float64(max(len(g.levels)-1, 1))
	most := 1.0
	for _, y := range g.y {
		most = math.Max(most, 2*math.Abs(y)+1)
	}
	p := &picture.Panel{
		X: picture.Axis{Label: "hops (TTL)", Low: -0.5, High: last + 0.5},
		Y: picture.Axis{Low: most / 2, High: -most / 2, Hidden: true},
	}
	if p.Y.Low > p.Y.High { // an axis grows upwards, and the first node is the upper one
		p.Y.Low, p.Y.High = p.Y.High, p.Y.Low
	}
	for ttl := range g.levels {
		p.X.Ticks = append(p.X.Ticks, picture.Tick{At: float64(ttl), Words: strconv.Itoa(ttl)})
	}
	for i := range g.Edges {
		p.Layers = append(p.Layers, g.link(&g.Edges[i]))
	}
	for id := range g.Nodes {
		p.Layers = append(p.Layers, g.dot(id))
		for i, words := range g.label(id) {
			at := g.place(id)
			at.Y -= (0.24 + 0.24*float64(i)) * nodeHigh / nodeHigh
			p.Layers = append(p.Layers, picture.Words{At: at, Words: words})
		}
	}
	p.Legend = g.legend()
	return p
}

// place is where a node is, in units of the axes: y grows upwards.
func (g *graph) place(id int) picture.Point {
	return picture.Point{X: float64(g.Nodes[id].TTL), Y: -g.y[id]}
}

// link is a line, wider for more flows, in the colour of loss where much is lost.
func (g *graph) link(e *paths.Edge) picture.Line {
	line := picture.Line{
		Through: []picture.Point{g.place(e.From), g.place(e.To)},
		Width:   1 + math.Min(4, math.Log2(1+float64(e.Flows))/2), Colour: picture.Fade(picture.Palette[0]), Dashed: e.Uncertain,
	}
	if to := &g.Nodes[e.To]; to.Dead || to.Addr.IsValid() && lossy(e) {
		line.Colour = picture.Loss
		line.Dashed = line.Dashed || to.Dead
	}
	return line
}

// lossy tells whether a link lost more than a few of its probes.
func lossy(e *paths.Edge) bool { return e.Lost >= 3 && 10*e.Lost >= e.Sent }

func (g *graph) dot(id int) picture.Dots {
	n := &g.Nodes[id]
	d := picture.Dots{At: []picture.Point{g.place(id)}, Radius: 4.5, Colour: picture.Palette[0]}
	switch {
	case n.Dead:
		d.Shape, d.Radius, d.Colour = picture.Cross, 6, picture.Loss
	case n.Box:
		d.Shape, d.Colour = picture.Triangle, picture.Loss
	case id == 0:
		d.Shape, d.Colour = picture.Square, picture.Palette[6]
	case !n.Addr.IsValid():
		d.Colour = picture.Fade(picture.Fade(picture.Palette[6]))
	case n.Kind != trace.HopTimeExceeded:
		d.Shape, d.Colour = picture.Diamond, picture.Palette[2]
	case n.Balance == paths.BalancePacket:
		d.Colour = picture.Palette[3]
	case n.Balance == paths.BalanceFlow:
		d.Colour = picture.Palette[1]
	}
	return d
}

// label is what is written below a node.
func (g *graph) label(id int) []string {
	n := &g.Nodes[id]
	first := n.Addr.String()
	switch {
	case id == 0:
		return []string{g.Source.String()}
	case n.Dead:
		return []string{fmt.Sprintf("dead: %d unanswered", n.Stats.Lost)}
	case n.Box:
		first = "in the target's name"
	case !n.Addr.IsValid():
		return []string{"silent"}
	case g.names[n.Addr] != "":
		first = units.Printable(g.names[n.Addr])
	}
	second := ""
	if n.Stats.Measured > 0 {
		second = units.Duration(n.Stats.Mean)
	}
	if n.Stats.Lost > 0 {
		if second != "" {
			second += ", "
		}
		second += fmt.Sprintf("%d/%d lost", n.Stats.Lost, n.Stats.Sent)
	}
	if second == "" {
		return []string{first}
	}
	return []string{first, second}
}

// legend names the signs that the picture has.
func (g *graph) legend() (keys []picture.Key) {
	add := func(words string, shape picture.Shape, c color.RGBA, there bool) {
		if there {
			keys = append(keys, picture.Key{Words: words, Shape: shape, Colour: c})
		}
	}
	any := func(is func(n *paths.Node) bool) bool {
		return slices.ContainsFunc(g.Nodes, func(n paths.Node) bool { return is(&n) })
	}
	add("this machine", picture.Square, picture.Palette[6], true)
	add("router", picture.Disc, picture.Palette[0], any(func(n *paths.Node) bool {
		return n.ID > 0 && n.Addr.IsValid() && n.Kind == trace.HopTimeExceeded && n.Balance == paths.BalanceNone
	}))
	add("balances flows", picture.Disc, picture.Palette[1], any(func(n *paths.Node) bool { return n.ID > 0 && n.Balance == paths.BalanceFlow }))
	add("balances packets", picture.Disc, picture.Palette[3], any(func(n *paths.Node) bool { return n.Balance == paths.BalancePacket }))
	add("end", picture.Diamond, picture.Palette[2], any(func(n *paths.Node) bool {
		return n.ID > 0 && n.Addr.IsValid() && n.Kind != trace.HopTimeExceeded && !n.Box
	}))
	add("silent", picture.Disc, picture.Fade(picture.Fade(picture.Palette[6])), any(func(n *paths.Node) bool { return n.ID > 0 && !n.Addr.IsValid() && !n.Dead }))
	add("nothing behind it answers", picture.Cross, picture.Loss, any(func(n *paths.Node) bool { return n.Dead }))
	add("answers in the target's name", picture.Triangle, picture.Loss, any(func(n *paths.Node) bool { return n.Box }))
	return keys
}
