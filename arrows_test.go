package main

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows says which rooms of the project a room may import. A room that is not
// listed may be used by nobody but those that name it.
var arrows = map[string][]string{
	"craft":           {},
	"netraw":          {"craft"},
	"probe":           {"craft", "netraw", "probe/finding"},
	"probe/finding":   {},
	"probe/internal":  {"craft", "netraw", "probe", "probe/rtt", "probe/simnet", "internal/mutate"},
	"probe/discover":  {"craft", "netraw", "probe", "probe/internal", "internal/binomial"},
	"probe/scan":      {"craft", "netraw", "probe", "probe/internal", "internal/binomial"},
	"probe/wide":      {"craft", "netraw", "probe", "probe/internal", "probe/scan", "internal/binomial"},
	"probe/connect":   {"netraw", "probe", "probe/internal", "probe/scan"},
	"probe/ping":      {"craft", "netraw", "probe", "probe/internal"},
	"probe/trace":     {"craft", "netraw", "probe", "probe/internal"},
	"probe/paths":     {"craft", "netraw", "probe", "probe/internal", "probe/trace", "probe/rtt", "internal/binomial"},
	"probe/rtt":       {},
	"probe/loss":      {"internal/binomial"},
	"probe/isn":       {"craft", "probe/finding"},
	"probe/simnet":    {"craft", "netraw", "probe/isn", "probe/internal", "internal/mutate"},
	"probe/handshake": {"craft", "netraw", "probe", "probe/internal", "probe/rtt"},
	"probe/flow":      {"craft", "probe", "probe/handshake"},
	"probe/sample":    {"craft", "netraw", "probe", "probe/internal", "probe/isn"},
	"probe/why":       {"internal/binomial"},
	"probe/why/live":  {"craft", "netraw", "probe", "probe/internal", "probe/why"},

	"internal/binomial":    {},
	"internal/spelling":    {},
	"internal/target":      {"internal/spelling"},
	"internal/mutate":      {},
	"internal/outfile":     {},
	"internal/privilege":   {},
	"internal/lab":         {"craft"},
	"internal/lab/models":  {"netraw", "probe/simnet", "internal/lab"},
	"internal/capture":     {"craft", "netraw", "probe", "probe/flow"},
	"internal/report":      {"craft", "netraw", "probe", "probe/ping", "probe/trace", "probe/paths", "probe/rtt", "probe/loss", "probe/isn", "probe/handshake", "probe/flow", "probe/sample", "probe/why", "internal/outfile", "internal/openmetrics", "internal/plainhttp", "internal/spelling"},
	"internal/picture":     {"internal/outfile"},
	"internal/openmetrics": {"internal/plainhttp"},
	"internal/plainhttp":   {},
	"internal/explain":     {"internal/spelling"},
	"internal/schema":      {},
	"internal/tty":         {},
	"internal/oui":         {},
	"internal/plot":        {"probe/trace", "probe/paths", "probe/rtt", "probe/isn", "internal/report", "internal/picture"},
	"internal/htmlreport":  {"craft", "probe", "probe/rtt", "probe/loss", "probe/isn", "internal/target", "internal/report", "internal/picture", "internal/explain", "internal/plot"},
	"internal/check":       {"probe", "internal/binomial", "internal/target", "internal/report", "internal/explain", "internal/schema", "internal/spelling"},
	"internal/merge":       {"probe", "internal/target", "internal/report"},
	"internal/checkpoint":  {"internal/outfile"},
}

// everything is for the rooms at the top, and for programs.
var everything = []string{"internal/cli", ""}

// system are the packages that only netraw, the lab and what sits beside the
// kernel may use: the rest of the project is portable.
var system = map[string][]string{
	"golang.org/x/sys/unix":               {"netraw", "internal/lab", "internal/tty", "internal/outfile", "internal/privilege"},
	"github.com/vishvananda/netlink":      {"netraw", "internal/lab"},
	"github.com/google/nftables":          {"netraw", "internal/lab"},
	"github.com/google/gopacket/pcap":     {},
	"github.com/google/gopacket/afpacket": {},
	"github.com/google/gopacket/routing":  {},
}

const module = "synscope"

// TestArrowsNeverTurnBack holds the imports of every package, tests left out,
// against the design.
func TestArrowsNeverTurnBack(t *testing.T) {
	for _, p := range packages(t) {
		room := roomOf(p.ImportPath)
		if slices.Contains(everything, room) || strings.Contains(room, "/internal/") || strings.HasPrefix(room, "scripts") {
			continue
		}
		allowed, known := arrows[parentRoom(room)]
		if !known {
			t.Errorf("%s is no room of the design: add it to arrows, or move it", room)
			continue
		}
		for _, dep := range p.Imports {
			if d, ours := strings.CutPrefix(dep, module+"/"); ours && !mayUse(room, d, allowed) {
				t.Errorf("%s must not depend on %s", room, d)
			}
		}
	}
}

// TestSystemPackagesStayInTheirRooms keeps system calls in one place.
func TestSystemPackagesStayInTheirRooms(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			rooms, guarded := system[imported]
			if guarded && !strings.HasPrefix(roomOf(p.ImportPath), "scripts/") && !slices.Contains(rooms, parentRoom(roomOf(p.ImportPath))) {
				t.Errorf("%s imports %s, which belongs to %v", roomOf(p.ImportPath), imported, rooms)
			}
		}
	}
}

// mayUse lets a room use what it was allowed, and packages inside itself.
func mayUse(room, dep string, allowed []string) bool {
	return slices.Contains(allowed, parentRoom(dep)) || parentRoom(dep) == parentRoom(room)
}

// parentRoom is the listed room that a package lies in.
func parentRoom(room string) string {
	for r := room; r != ""; r = r[:max(0, strings.LastIndex(r, "/"))] {
		if _, listed := arrows[r]; listed {
			return r
		}
	}
	return room
}

func roomOf(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
}

type goPackage struct {
	ImportPath    string
	Imports, Deps []string
}

func packages(t *testing.T) (list []goPackage) {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps=false", "-json=ImportPath,Imports,Deps", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p goPackage
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 8 {
		t.Fatalf("only %d packages found", len(list))
	}
	return list
}
