package paths

import (
	"flag"
	"testing"

	"synscope/internal/binomial"
)

var worlds = flag.Int("worlds", 100, "random graphs to explore")

// Of random graphs of up to 16 ways, all links are found at the promised rate, and
// nothing that is not there, with no more probes than 1.2 times what the rule asks
// for, nor than the algorithm takes as it is published.
func TestAllPathsAreFound(t *testing.T) {
	whole, sent, asked, textbook := 0, 0, 0, 0
	worst := 0.0
	for seed := range uint64(*worlds) {
		w := random(seed+1, 16)
		x := newExplorer(w.addr(w.target), 30, 1000, 0, 0.95)
		g := w.explore(t, x)
		want, got := w.edges(), g.found()
		all := true
		for e := range want {
			all = all && got[e]
		}
		for e := range got {
			if !want[e] {
				t.Errorf("seed %d: %s is not there", seed+1, e)
			}
		}
		if all {
			whole++
		} else if len(got) == len(want) {
			t.Errorf("seed %d: %v, want %v", seed+1, got, want)
		}
		if c := x.confidence(g); c < 0.95 || c > 1 {
			t.Errorf("seed %d: confidence %v", seed+1, c)
		}
		ratio := float64(x.sent) / float64(g.asks())
		if ratio > 1.2 {
			t.Errorf("seed %d: %d probes, the rule asks for %d", seed+1, x.sent, g.asks())
		}
		worst = max(worst, ratio)
		sent, asked, textbook = sent+x.sent, asked+g.asks(), textbook+w.textbook(g.rule)
	}
	atRate(t, "whole", whole, *worlds, 0.95)
	t.Logf("%d of %d whole; %d probes, the rule asks for %d (%.2f, at most %.2f), textbook %d (%.2f)",
		whole, *worlds, sent, asked, float64(sent)/float64(asked), worst, textbook, float64(sent)/float64(textbook))
}

// atRate fails where k of n is so few that a rate of p makes it less likely than
// one in a thousand.
func atRate(t *testing.T, what string, k, n int, p float64) {
	t.Helper()
	if below := binomial.UpperTail(n, n-k, 1-p); below < 0.001 {
		t.Errorf("%s: %d of %d: at a rate of %v that or less has a chance of %v", what, k, n, p, below)
	}
}
