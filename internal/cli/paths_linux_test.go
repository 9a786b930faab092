package cli

import (
	"encoding/csv"
	"fmt"
	"math"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"synscope/internal/lab"
)

// mesh is a host behind routers of which several share its traffic.
func mesh(t *testing.T, spec lab.MeshSpec) *lab.Mesh {
	t.Helper()
	lab.Require(t)
	spec.Services = []lab.Service{{Ports: []uint16{80}, Manner: lab.Discard}}
	m, err := lab.NewMesh(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// fan is a router that balances over so many others, which join again.
func fan(n int) [][]int {
	next := [][]int{{1}, nil}
	for i := range n {
		next[1] = append(next[1], 2+i)
		next = append(next, []int{2 + n})
	}
	return append(next, []int{3 + n}, nil)
}

// seen is the record of a search for paths.
func seen(t *testing.T, m *lab.Mesh, v6 bool, more ...string) (jsonRecord, ran) {
	t.Helper()
	a := m.Addr4(m.Host())
	if v6 {
		a = m.Addr6(m.Host())
	}
	got := command(t.Context(), nil, append([]string{"trace", "--paths", "-n", "-o", "json", netip.AddrPortFrom(a, 80).String()}, more...)...)
	r := find(records(t, got.out), "path")
	if r == nil {
		t.Fatalf("exit %d: %s%s", got.code, got.out, got.err)
	}
	return r, got
}

// links are the links of a record, as pairs of the addresses of their ends.
func (r jsonRecord) links() map[string]bool {
	nodes := r["nodes"].([]any)
	name := func(id any) string {
		n := nodes[int(id.(float64))].(map[string]any)
		if n["kind"] == "self" {
			return "self"
		}
		a, _ := n["addr"].(string)
		return a
	}
	all := map[string]bool{}
	for _, e := range r["edges"].([]any) {
		e := e.(map[string]any)
		all[name(e["from"])+" "+name(e["to"])] = true
	}
	return all
}

// links are those of the mesh, in the same form.
func meshLinks(m *lab.Mesh, next [][]int, v6 bool) map[string]bool {
	name := func(i int) string {
		switch {
		case i == 0:
			return "self"
		case v6:
			return m.Addr6(i).String()
		}
		return m.Addr4(i).String()
	}
	all := map[string]bool{}
	for from, list := range next {
		for _, to := range list {
			all[name(from)+" "+name(to)] = true
		}
	}
	return all
}

// Through real kernels that balance by flow hash, all paths are found, over IPv4 and
// IPv6, with no more SYNs than promised, and nothing that is not there.
func TestPathsThroughKernels(t *testing.T) {
	t.Parallel()
	for name, next := range map[string][][]int{
		"one path":        {{1}, {2}, {3}, nil},
		"eight":           fan(8),
		"two times two":   {{1}, {2, 3}, {4}, {4}, {5, 6}, {7}, {7}, nil},
		"a tree of eight": {{1}, {2, 3}, {4, 5}, {6, 7}, {8, 9}, {8, 9}, {10, 11}, {10, 11}, {12}, {12}, {12}, {12}, nil},
		"lengths differ":  {{1}, {2, 3}, {5}, {4}, {5}, nil},
	} {
		m := mesh(t, lab.MeshSpec{Next: next})
		for _, v6 := range []bool{false, true} {
			whole := 0
			for run := 0; run < 2 || run < runsOfPaths && whole == 0; run++ {
				r, got := seen(t, m, v6)
				want, links := meshLinks(m, next, v6), r.links()
				if len(links) == len(want) {
					whole++
				}
				for l := range links {
					if !want[l] {
						t.Errorf("%s, IPv6 %v: %s is not there", name, v6, l)
					}
				}
				probes, asked := r["probes"].(float64), r["asked"].(float64)
				if probes > math.Ceil(1.2*asked) {
					t.Errorf("%s, IPv6 %v: %v SYNs, the rule asks for %v", name, v6, probes, asked)
				}
				if c := r["confidence"].(float64); c < 0.95 || got.code != exitYes {
					t.Errorf("%s, IPv6 %v: confidence %v, exit %d", name, v6, c, got.code)
				}
			}
			if whole == 0 {
				t.Errorf("%s, IPv6 %v: links are missing", name, v6)
			}
		}
	}
}

// runsOfPaths is after how many runs a path that none has found is missing: each may
// miss one with a chance of one in twenty.
const runsOfPaths = 4

// Of eight paths one is dead, or loses: it is named by its two ends, in text too, and
// drawn.
func TestPathsThatFail(t *testing.T) {
	t.Parallel()
	long(t)
	const bad = 5
	next := fan(8)
	for _, tc := range []struct {
		code string
		rule lab.Rule
	}{
		{"path-dead", lab.Rule{Ports: lab.Port(80), Do: lab.Drop}},
		{"path-lossy", lab.Rule{Ports: lab.Port(80), Do: lab.Drop, Chance: 0.6}},
	} {
		t.Run(tc.code, func(t *testing.T) {
			t.Parallel()
			m := mesh(t, lab.MeshSpec{Next: next, Rules: map[int][]lab.Rule{bad: {tc.rule}}})
			target := netip.AddrPortFrom(m.Addr4(m.Host()), 80).String()
			picture := t.TempDir() + "/paths.svg"
			var got ran
			var text string
			for run := 0; run < runsOfPaths && !strings.Contains(text, tc.code); run++ {
				got = command(t.Context(), nil, "trace", "--paths", "-n", "--plot", picture, target)
				text = strings.Join(strings.Fields(got.out), " ")
			}
			ends := []string{m.Addr4(bad).String() + " (hop 2)", m.Addr4(10).String() + " (hop 3)"}
			if !strings.Contains(text, tc.code) || !strings.Contains(text, ends[0]) || !strings.Contains(text, ends[1]) || got.code != exitYes {
				t.Errorf("%s: exit %d, want both of %q in\n%s", tc.code, got.code, ends, got.out)
			}
			for _, line := range strings.Split(got.out, "\n") {
				if utf8.RuneCountInString(line) > 80 && !strings.HasPrefix(line, "warning: ") { // RSTs are lost too
					t.Errorf("%d columns: %q", utf8.RuneCountInString(line), line)
				}
			}
			svg, err := os.ReadFile(picture)
			if err != nil || !strings.Contains(string(svg), m.Addr4(bad).String()) || !strings.HasSuffix(string(svg), "</svg>\n") {
				t.Errorf("%s: %v, %d bytes of SVG", tc.code, err, len(svg))
			}
		})
	}
}

// The routers of Linux as they are, which send one error a second to each host and
// six at once, are found all the same, and nothing is called dead.
func TestPathsThroughLimitedRouters(t *testing.T) {
	t.Parallel()
	long(t)
	next := [][]int{{1}, {2, 3}, {4}, {4}, {5}, nil}
	usual := lab.Sysctls{"net.ipv4.icmp_ratelimit": "1000", "net.ipv4.icmp_ratemask": "6168"}
	m := mesh(t, lab.MeshSpec{Next: next, Sysctls: map[int]lab.Sysctls{1: usual, 2: usual, 3: usual, 4: usual}})
	want, links := meshLinks(m, next, false), map[string]bool(nil)
	for run := 0; run < runsOfPaths && len(links) != len(want); run++ {
		r, _ := seen(t, m, false)
		if links = r.links(); r["findings"] != nil {
			t.Errorf("findings %v", r["findings"])
		}
	}
	if len(links) != len(want) {
		t.Errorf("%v, want %v", links, want)
	}
}

// The table has a row for each hop of each path.
func TestPathsAsCSV(t *testing.T) {
	t.Parallel()
	m := mesh(t, lab.MeshSpec{Next: fan(3)})
	target := netip.AddrPortFrom(m.Addr4(m.Host()), 80).String()
	var paths map[string][]string
	for run := 0; run < runsOfPaths && len(paths) != 3; run++ {
		paths = pathsOf(t, command(t.Context(), nil, "trace", "--paths", "-n", "-o", "csv", target).out)
	}
	if len(paths) != 3 {
		t.Errorf("%d paths: %v", len(paths), paths)
	}
	for id, hops := range paths {
		if len(hops) != 4 || hops[0] != m.Addr4(1).String() || hops[3] != m.Addr4(m.Host()).String() {
			t.Errorf("path %s: %v", id, hops)
		}
	}
}

// pathsOf are the hops of each path of a table.
func pathsOf(t *testing.T, table string) map[string][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	hop, path := slices.Index(rows[0], "hop"), slices.Index(rows[0], "path")
	paths := map[string][]string{}
	for _, row := range rows[1:] {
		paths[row[path]] = append(paths[row[path]], row[hop])
	}
	return paths
}

func TestPathsUsage(t *testing.T) {
	for _, args := range [][]string{
		{"--plot", "x.svg"}, {"--paths", "--flow", "fixed"}, {"--paths", "--watch"}, {"--paths", "-g", "4000"},
		{"--paths", "--plot", "x.gif"}, {"-c", "3"}, {"-i", "1"}, {"--watch", "-c", "0"}, {"--watch", "-i", "0"},
		{"--watch", "--queries", "2"},
	} {
		got := command(t.Context(), nil, append([]string{"trace", "127.0.0.1:1"}, args...)...)
		if got.code != exitUsage || got.out != "" {
			t.Errorf("%v: exit %d %s", args, got.code, fmt.Sprint(got.out, got.err))
		}
	}
}
