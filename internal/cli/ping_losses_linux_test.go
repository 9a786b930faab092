package cli

import (
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/lab"
)

// isSYN reports whether an IPv4 packet is a SYN, and from which port.
func isSYN(ip []byte) (sport uint16, ok bool) {
	if len(ip) < 40 || ip[9] != 6 || ip[33] != byte(craft.SYN) {
		return 0, false
	}
	return uint16(ip[20])<<8 | uint16(ip[21]), true
}

// An outage is told when it is over, in a line and a record, and again at the end.
func TestPingTellsOutages(t *testing.T) {
	t.Parallel()
	long(t)
	var syns atomic.Int32
	lose := func(ip []byte) bool {
		if _, ok := isSYN(ip); ok {
			n := syns.Add(1)
			return n > 11 && n <= 23 // the first one warms the neighbour up
		}
		return false
	}
	l, h := linkLab(t, &lab.Link{Out: lab.Path{Lose: lose}})
	args := []string{"ping", h.Addr4().String(), "-c", "30", "-i", "100ms", "--timeout", "3s"}
	// What a busy machine skipped was no part of the outage: it is asked again, a few times.
	ping := func(more ...string) (out string) {
		for range 5 {
			syns.Store(0)
			if out = command(t.Context(), l, append(args, more...)...).out; !strings.Contains(out, "skipped") {
				break
			}
		}
		return out
	}
	all := records(t, ping("-o", "json"))
	outage, summary := find(all, "outage"), find(all, "rtt_summary")
	if outage["probes"] != 12.0 || outage.str("from") == "" || outage.str("to") <= outage.str("last") || outage.str("last") <= outage.str("from") {
		t.Errorf("%v", outage)
	}
	if windows, _ := summary["outage_windows"].([]any); summary["outages"] != 1.0 || len(windows) != 1 || summary["loss_clusters"] != nil {
		t.Errorf("%v", summary)
	}
	got := ping("-D")
	for _, want := range []string{
		// An outage that a busy machine makes longer than two seconds is told without fractions.
		`(?m)^\d\d:\d\d:\d\d\.\d{3} .* was down \d\d:\d\d:\d\d(\.\d{3})? to \d\d:\d\d:\d\d(\.\d{3})?, 12 probes$`,
		`(?m)^    down .*, 12 probes$`, `(?m)^\d\d:\d\d:\d\d\.\d{3} SYN-ACK from`, `(?m)^\d\d:\d\d:\d\d\.\d{3} no answer from`,
	} {
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

// A path that loses what comes from even ports is found out, since ports of both
// parities are probed from as often.
func TestPingNamesTheParityThatLoses(t *testing.T) {
	var seen [2]atomic.Int64 // by the parity of the source port
	l, h := linkLab(t, &lab.Link{Out: lab.Path{Lose: func(ip []byte) bool {
		sport, ok := isSYN(ip)
		if ok {
			seen[sport&1].Add(1)
		}
		return ok && sport&1 == 0 && seen[0].Load()%2 == 0
	}}})
	start := time.Now()
	got := command(t.Context(), l, "ping", h.Addr4().String(), "-c", "200", "-i", "5ms", "--timeout", "2s", "--flow", "vary", "-o", "json")
	s := find(records(t, got.out), "rtt_summary")
	clusters, _ := s["loss_clusters"].([]any)
	if len(clusters) != 1 {
		t.Fatalf("%v", s)
	}
	c := clusters[0].(map[string]any)
	if c["by"] != "parity" || c["even"] != true || c["elsewhere_lost"] != 0.0 || c["lost"].(float64) < 40 || c["p"].(float64) > 1e-6 {
		t.Errorf("%v", c)
	}
	even, odd := seen[0].Load(), seen[1].Load()
	t.Logf("%v: %d even, %d odd", time.Since(start), even, odd)
	if even < 80 || odd < 80 {
		t.Errorf("%d even, %d odd", even, odd)
	}
}
