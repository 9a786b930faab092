package cli

import (
	"strings"
	"testing"
)

// What a plan says of the pace is what the run keeps: only a scan that keeps state, and
// the search for hosts, find out for themselves how much the way carries.
func TestPlanTellsTheRunsOwnPace(t *testing.T) {
	const grows = "begins at 2k pps, 1.6 Mbit/s, and grows to at most 10k pps unanswered through a router, 50k pps on the link (200k pps in all): "
	for words, want := range map[string]string{
		"-p- 10.0.0.1":                                  grows + "6.7 s through a router, 1.6 s on the link, up to 786,420 packets (12 each: ",
		"-p- --max-retries 0 10.0.0.1":                  grows + "6.7 s through a router, 1.6 s on the link\n",
		"-p- --rate 50k 10.0.0.1":                       "at 50k pps, 39.2 Mbit/s: 1.3 s, up to 786,420 packets (12 each: 15.7 s) where nothing answers",
		"-p- --rate max 10.0.0.1":                       "unbounded: as fast as it goes, up to 786,420 packets (12 each: as fast as it goes) where",
		"-p 80,81 10.0.0.0/24":                          "at the same pace: 142 ms, up to 6,144 packets (12 each: ",
		"-p 80 10.0.0.0/24":                             "2 probes of the port each elsewhere, 768 at most, and up to 6 more",
		"-sn 10.0.0.0/24":                               grows + "up to 1.1 s on the link, up to 2.3 s elsewhere",
		"-sT -p- 10.0.0.1":                              "at 10k pps, 7.8 Mbit/s: 6.6 s, up to 262,140 packets (4 each: ",
		"--engine connect -p- 10.0.0.1":                 "at 10k pps, 7.8 Mbit/s: 6.6 s, up to 262,140 packets (4 each: ",
		"--engine connect --max-retries 1 -p1 10.0.0.1": "up to 2 packets (2 each: ",
		"--stateless -p 80 10.0.0.0/20":                 "at 160 pps, 125.4 kbit/s, where a router has to resolve the addresses: 51.2 s",
		"--stateless -p 80 fd00::/64":                   "at 10k pps, 9.4 Mbit/s: centuries, up to 12 packets each (centuries) where packets are lost",
	} {
		r := command(t.Context(), nil, append([]string{"scan", "--plan", "--seed", "1"}, strings.Fields(words)...)...)
		if r.code != exitYes || !strings.Contains(r.out, want) {
			t.Errorf("%s: exit %d, want %q: %s%s", words, r.code, want, r.out, r.err)
		}
	}
	for _, words := range []string{"--stateless -p 80 10.0.0.0/24", "--stateless --rate 10k -p 80 10.0.0.0/20"} {
		if r := command(t.Context(), nil, append([]string{"scan", "--plan"}, strings.Fields(words)...)...); strings.Contains(r.out, "has to resolve") {
			t.Errorf("%s: a router that has room: %s", words, r.out)
		}
	}
}

// What is said of an engine is said in its own words, with whatever they begin and end.
func TestRemarksOfAnEngine(t *testing.T) {
	for want, b := range map[string]*blaster{
		"":                          {},
		"; odd ;":                   {note: "; odd ;"},
		"one way; another":          {ways: []string{"one way", "another"}},
		"no ring; one way; another": {note: "no ring", ways: []string{"one way", "another"}},
	} {
		if got := b.remarks(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
