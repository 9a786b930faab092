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

// Where few probes were answered behind a vertex, one that had been lost before is reason enough
// to repeat what meets silence there: 20 tries in place of 4 where one of two was lost.
func TestPatienceWithFewAnswers(t *testing.T) {
	answered := func(lost int) *pair {
		p := &pair{attempts: []*attempt{{answers: []Answer{{}}}}}
		for range lost {
			p.attempts = append(p.attempts, &attempt{lost: true})
		}
		return p
	}
	for _, tc := range []struct{ answered, lost, least, most int }{
		{1, 0, triesSilent, triesSilent},
		{3, 0, triesSilent, triesSilent},
		{1, 1, 15, triesLossy},
		{2, 1, 10, triesLossy - 1},
		{9, 1, triesSilent, 6},
	} {
		v := &vertex{ttl: 1, lossy: -1}
		for i := range tc.answered {
			v.flows = append(v.flows, &flow{pairs: []*pair{nil, answered(tc.lost * max(0, 1-i))}})
		}
		if n := patience(v, &flow{}, 2); n < tc.least || n > tc.most {
			t.Errorf("%d answered, %d lost before: %d tries, want %d to %d", tc.answered, tc.lost, n, tc.least, tc.most)
		}
	}
}
