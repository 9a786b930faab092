package cli

import (
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"testing"

	"synscope/internal/lab"
)

// What traceroute(8) sees by hop, with the source port varied from probe to probe, is
// on our map.
func TestPathsAgreeWithTraceroute(t *testing.T) {
	lab.Require(t)
	traceroute, err := exec.LookPath("traceroute")
	if err != nil {
		t.Skip("traceroute is not installed")
	}
	next := [][]int{{1}, {2, 3, 4}, {5}, {5}, {6}, {7}, {7}, nil}
	m := mesh(t, lab.MeshSpec{Next: next})
	for _, v6 := range []bool{false, true} {
		a := m.Addr4(m.Host())
		if v6 {
			a = m.Addr6(m.Host())
		}
		out, err := exec.CommandContext(t.Context(), traceroute, "-n", "-T", "-p", "80", "-q", "10", "-w", "1", a.String()).Output()
		if err != nil {
			lab.Forgo(t, fmt.Errorf("traceroute, which needs rights of its own: %w", err))
		}
		theirs := hopsOf(string(out))
		if len(theirs) < 5 {
			t.Errorf("traceroute saw only %v:\n%s", theirs, out)
		}
		var missed []string
		for run := 0; run < runsOfPaths && (run == 0 || len(missed) > 0); run++ {
			missed = missing(theirs, hopsSeen(t, m, v6))
		}
		if len(missed) > 0 {
			t.Errorf("traceroute saw %v, none of %d runs of ours did", missed, runsOfPaths)
		}
	}
}

// hopsSeen are the addresses on our map.
func hopsSeen(t *testing.T, m *lab.Mesh, v6 bool) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	r, _ := seen(t, m, v6)
	for _, n := range r["nodes"].([]any) {
		if n := n.(map[string]any); n["kind"] != "self" {
			all[n["addr"].(string)] = true
		}
	}
	return all
}

// missing are the hops of one map that are not on another.
func missing(theirs, ours map[string]bool) (hops []string) {
	for hop := range theirs {
		if !ours[hop] {
			hops = append(hops, hop)
		}
	}
	return hops
}

var address = regexp.MustCompile(`[0-9a-f.:]+`)

// hopsOf are the addresses in the lines of hops.
func hopsOf(out string) map[string]bool {
	all := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^ *\d+  .*$`).FindAllString(out, -1) {
		for _, word := range address.FindAllString(line, -1) {
			if a, err := netip.ParseAddr(word); err == nil {
				all[a.String()] = true
			}
		}
	}
	return all
}
