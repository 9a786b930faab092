package text

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/probe"
	"synscope/probe/paths"
	"synscope/probe/rtt"
	"synscope/probe/trace"
)

// drawn is a map of nodes at TTLs, joined as told; the last is the target.
func drawn(ttls []int, edges [][2]int, edit func(*paths.Map)) *record.Paths {
	m := &paths.Map{Target: netip.MustParseAddrPort("192.0.2.9:80"), Source: netip.MustParseAddr("10.0.0.0"), Confidence: 0.961, Complete: true}
	for i, ttl := range ttls {
		n := paths.Node{ID: i, TTL: ttl, Addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), Kind: trace.HopTimeExceeded, Flows: i, Reaches: true}
		if i == 0 {
			n.Addr = netip.Addr{}
		}
		m.Nodes = append(m.Nodes, n)
	}
	last := &m.Nodes[len(ttls)-1]
	last.Addr, last.Kind = m.Target.Addr(), trace.HopSYNACK
	for _, e := range edges {
		m.Edges = append(m.Edges, paths.Edge{From: e[0], To: e[1], Flows: 1})
	}
	if edit != nil {
		edit(m)
	}
	return record.NewPaths("192.0.2.9", m, nil)
}

func TestPathTree(t *testing.T) {
	for _, tc := range []struct {
		name string
		of   *record.Paths
		want string
	}{
		{"a diamond, and one within another", drawn(
			[]int{0, 1, 2, 2, 3, 3, 3, 4, 4, 5, 6},
			[][2]int{{0, 1}, {1, 2}, {1, 3}, {2, 4}, {2, 5}, {3, 6}, {4, 7}, {5, 7}, {6, 8}, {7, 9}, {8, 9}, {9, 10}}, nil), `
0 this machine (10.0.0.0)
1 10.0.0.1 1
2 ├ 10.0.0.2 2
3 │ ├ 10.0.0.4 4
3 │ └ 10.0.0.5 5
4 │ 10.0.0.7 7
2 └ 10.0.0.3 3
3   10.0.0.6 6
4   10.0.0.8 8
5 10.0.0.9 9
6 192.0.2.9 syn-ack 10`},
		{"ways of different lengths", drawn(
			[]int{0, 1, 2, 2, 3, 4},
			[][2]int{{0, 1}, {1, 2}, {1, 3}, {2, 4}, {4, 5}, {3, 5}}, nil), `
0 this machine (10.0.0.0)
1 10.0.0.1 1
2 ├ 10.0.0.2 2
3 │ 10.0.0.4 4
2 └ 10.0.0.3 3
4 192.0.2.9 syn-ack 5`},
		{"a mesh is drawn once", drawn(
			[]int{0, 1, 1, 2, 2, 3},
			[][2]int{{0, 1}, {0, 2}, {1, 3}, {1, 4}, {2, 3}, {2, 4}, {3, 5}, {4, 5}}, nil), `
0 this machine (10.0.0.0)
1 ├ 10.0.0.1 1
2 │ ├ 10.0.0.3 3
2 │ └ 10.0.0.4 4
1 └ 10.0.0.2 2
2   ├ → 10.0.0.3, as above
2   └ → 10.0.0.4, as above
3 192.0.2.9 syn-ack 5`},
		{"a dead one of two", drawn(
			[]int{0, 1, 2, 2, 3, 3, 4},
			[][2]int{{0, 1}, {1, 2}, {1, 3}, {2, 4}, {3, 5}, {5, 6}}, func(m *paths.Map) {
				m.Nodes[4].Addr, m.Nodes[4].Dead = netip.Addr{}, true
				m.Nodes[2].Reaches, m.Nodes[4].Reaches = false, false
				m.Dead = []paths.Dead{{Near: 2, Far: 5, Node: 4}}
			}), `
0 this machine (10.0.0.0)
1 10.0.0.1 1
2 └ 10.0.0.2 2
3   ✗ dead before 10.0.0.5 (hop 3) 4
2 10.0.0.3 3
3 10.0.0.5 5
4 192.0.2.9 syn-ack 6`},
		{"silence", drawn([]int{0, 1, 2, 3}, [][2]int{{0, 1}, {1, 2}, {2, 3}}, func(m *paths.Map) {
			m.Nodes[2].Addr = netip.Addr{}
			m.Nodes[3].Kind, m.Nodes[3].ICMP = trace.HopUnreachable, &probe.ICMPCode{Type: 3, Code: 13}
		}), `
0 this machine (10.0.0.0)
1 10.0.0.1 1
2 * silent 2
3 192.0.2.9 admin-prohibited 3`},
	} {
		var lines []string
		for _, line := range PathTree(tc.of, sink.Plain, 0)[1:] {
			if utf8.RuneCountInString(line) > 80 {
				t.Errorf("%s: too wide: %q", tc.name, line)
			}
			lines = append(lines, squeezed(line))
		}
		if got := "\n" + strings.Join(lines, "\n"); got != tc.want {
			t.Errorf("%s:%s\nwant%s", tc.name, got, tc.want)
		}
	}
}

// squeezed is a line of a tree without the spaces between its columns.
func squeezed(line string) string {
	tree := strings.TrimLeft(line, " ")
	ttl, rest, _ := strings.Cut(tree, " ")
	if i := strings.Index(rest, "      "); i > 0 {
		rest = strings.TrimRight(rest[:i], " ") + " " + strings.Join(strings.Fields(rest[i:]), " ")
	}
	return strings.TrimRight(ttl+" "+rest, " ")
}

func TestBroken(t *testing.T) {
	line := "  \x1b[33mwarning path-dead\x1b[0m: " + strings.Repeat("twelve chars ", 12)
	for i, l := range broken(line, 80) {
		if shownWidth(l) > 80 || i > 0 && !strings.HasPrefix(l, "    ") {
			t.Errorf("%d columns: %q", shownWidth(l), l)
		}
	}
}

// On a narrow terminal the figures of a node whose name is long stand below it.
func TestPathTreeOfLongNames(t *testing.T) {
	of := drawn([]int{0, 1, 2, 2, 3}, [][2]int{{0, 1}, {1, 2}, {1, 3}, {2, 4}, {3, 4}}, func(m *paths.Map) {
		for i := range m.Nodes {
			m.Nodes[i].Stats = rtt.Summary{Sent: 15, Measured: 15, Mean: 99900 * time.Nanosecond}
		}
	})
	of.Names = map[netip.Addr]string{
		netip.MustParseAddr("10.0.0.2"): "a-router-of-some-name.example", netip.MustParseAddr("192.0.2.9"): "host.example",
	}
	for _, columns := range []int{60, 80, 200} {
		lines := PathTree(of, false, columns)
		whole := strings.Join(lines, "\n")
		for _, line := range lines {
			if utf8.RuneCountInString(line) > columns {
				t.Errorf("in %d columns: %q", columns, line)
			}
		}
		for _, want := range []string{"a-router-of-some-name.example (10.0.0.2)", "host.example (192.0.2.9) syn-ack"} {
			if !strings.Contains(whole, want) {
				t.Errorf("in %d columns no %q:\n%s", columns, want, whole)
			}
		}
		if n := strings.Count(whole, "\n"); columns == 60 && (n != 7 || !strings.Contains(whole, "\n    │ ")) || columns == 200 && n != 5 {
			t.Errorf("in %d columns %d lines:\n%s", columns, n+1, whole)
		}
	}
}
