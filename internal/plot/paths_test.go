package plot

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"synscope/probe/paths"
	"synscope/probe/rtt"
	"synscope/probe/trace"
)

// eight is a map of eight paths of which one is dead.
func eight(v6 bool) *paths.Map {
	m := &paths.Map{Target: netip.MustParseAddrPort("192.0.2.9:80"), Source: netip.MustParseAddr("192.0.2.1")}
	node := func(ttl int) int {
		id := len(m.Nodes)
		a := netip.AddrFrom4([4]byte{198, 51, 100, byte(id)})
		if v6 {
			a = netip.MustParseAddr(fmt.Sprintf("2001:db8:1234:5678:9abc:def0:1234:%d", 1000+id))
		}
		m.Nodes = append(m.Nodes, paths.Node{ID: id, TTL: ttl, Addr: a, Kind: trace.HopTimeExceeded, Stats: rtt.Summary{Sent: 9, Measured: 9, Mean: 12345678}})
		return id
	}
	self, first := node(0), node(1)
	m.Nodes[first].Balance = paths.BalanceFlow
	m.Edges = append(m.Edges, paths.Edge{From: self, To: first, Flows: 60})
	join := 0
	for i := range 8 {
		at := node(2)
		m.Edges = append(m.Edges, paths.Edge{From: first, To: at, Flows: 8})
		if i == 0 {
			dead := node(3)
			m.Nodes[dead].Addr, m.Nodes[dead].Dead, m.Nodes[dead].Stats = netip.Addr{}, true, rtt.Summary{Sent: 14, Lost: 14}
			m.Edges = append(m.Edges, paths.Edge{From: at, To: dead, Flows: 8})
			join = node(3)
			continue
		}
		m.Edges = append(m.Edges, paths.Edge{From: at, To: join, Flows: 8})
	}
	end := node(4)
	m.Nodes[end].Kind = trace.HopSYNACK
	m.Edges = append(m.Edges, paths.Edge{From: join, To: end, Flows: 50})
	return m
}

// Every node and link is in the picture, in its place and within it, and no two
// labels of a hop overlap.
func TestPaths(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		m := eight(v6)
		file := t.TempDir() + "/paths.svg"
		if err := Paths(file, "Paths", m, nil); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		svg := string(b)
		for _, n := range m.Nodes[1:] {
			if n.Addr.IsValid() && strings.Count(svg, ">"+n.Addr.String()+"<") != 1 {
				t.Errorf("%v is there %d times", n.Addr, strings.Count(svg, ">"+n.Addr.String()+"<"))
			}
		}
		if !strings.Contains(svg, "dead: 14 unanswered") || strings.Count(svg, `stroke-dasharray`) != 1 {
			t.Error("the dead link is not told from others")
		}
		apart(t, svg)
	}
}

var label = regexp.MustCompile(`<text x="([0-9.-]+)" y="([0-9.-]+)" font-size="10"[^>]*>([^<]*)</text>`)

// apart fails where two labels overlap, by a letter's usual width.
func apart(t *testing.T, svg string) {
	t.Helper()
	type box struct {
		left, right, y float64
		words          string
	}
	var boxes []box
	for _, l := range label.FindAllStringSubmatch(svg, -1) {
		x, _ := strconv.ParseFloat(l[1], 64)
		y, _ := strconv.ParseFloat(l[2], 64)
		half := 2.7 * float64(len([]rune(l[3])))
		if strings.Contains(l[0], `text-anchor="middle"`) {
			boxes = append(boxes, box{x - half, x + half, y, l[3]})
		}
	}
	if len(boxes) < 10 {
		t.Fatalf("only %d labels", len(boxes))
	}
	for i, a := range boxes {
		for _, b := range boxes[:i] {
			if a.left < b.right && b.left < a.right && a.y-b.y < 8 && b.y-a.y < 8 {
				t.Errorf("%q and %q overlap", a.words, b.words)
			}
		}
	}
}
