package evaluate

import (
	"math"
	"testing"
	"time"

	"synscope/probe/isn"
)

// hidden are the kinds that the default plan's samples do not show, and why.
var hidden = map[string]string{
	"weak-random, lcg 2^64 any a, top 32":                  "the multiplier and half of the state are unknown",
	"weak-random, lcg 2^48 any a, top 32":                  "the multiplier and a third of the state are unknown",
	"global-mixed, step 1, 1 counts 250000 times a second": "the clock moves on by 75 while a packet is late",
}

// Hosts that no other test draws are told as well as those, and what is wrong is
// not always the same kind.
func TestUnusualHosts(t *testing.T) {
	t.Parallel()
	first := FirstSeed()
	t.Logf("first seed %d", first)
	cfg := Config{Hosts: Many(1, 20), First: first, Stride: 2, Jitter: 300 * time.Microsecond}
	hosts, right := 0, 0
	for _, k := range Kinds() {
		found := 0
		for _, o := range k.Run(cfg) {
			if o.Right() {
				found++
				continue
			}
			t.Logf("%s: seed %d: %s %s %.3f", k, o.Seed, o.Report.Class, o.Report.Variant, o.Report.Confidence)
		}
		if hidden[k.String()] != "" {
			continue
		}
		hosts, right = hosts+cfg.Hosts, right+found
		if found < cfg.Hosts/2-1 {
			t.Errorf("%s: %d of %d", k, found, cfg.Hosts)
		}
	}
	// About one host in a hundred is expected to be wrong.
	if share := percent(right, hosts); share < 96 || math.IsNaN(share) {
		t.Errorf("%.1f %% of %d hosts", share, hosts)
	}
}

// The kinds have names of their own, and a class that hosts have.
func TestKindsAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Kinds() {
		if seen[k.String()] || k.Class == isn.ClassUnknown || k.Name == "" {
			t.Errorf("%s", k)
		}
		seen[k.String()] = true
	}
	for name := range hidden {
		if !seen[name] {
			t.Errorf("%s is no kind", name)
		}
	}
}
