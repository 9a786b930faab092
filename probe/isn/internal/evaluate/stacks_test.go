package evaluate

import (
	"slices"
	"testing"

	"synscope/probe/isn"
)

// Stacks that the models of the analysis were not written from are told, or withheld, and
// hardly ever called anything else with confidence.
func TestStacksAreNotCalledOthers(t *testing.T) {
	t.Parallel()
	first := FirstSeed() + 1
	t.Logf("first seed %d", first)
	hosts, told, wrong := judged(t, Stacks(), first, Many(1, 100))
	t.Logf("%d hosts, %d told, %d wrong at 0.9 or more", hosts, told, wrong)
	if wrong > hosts/200 {
		t.Errorf("%d of %d wrong at 0.9 or more", wrong, hosts)
	}
	if told < hosts/3 {
		t.Errorf("%d of %d told", told, hosts)
	}
}

// The stacks have names of their own, and classes that fit.
func TestStacksAreDistinct(t *testing.T) { distinct(t, Stacks()) }

// What is said beside the class holds as well: a hash of the four-tuple is not said to
// leave a part of it out, nor its numbers to be guessable; a counter for everybody is not
// said to depend on who asks, nor to be hard to guess.
func TestClaimsAboutStacks(t *testing.T) {
	t.Parallel()
	hosts, wrong := 0, 0
	check := func(list []GeneratorKind, untrue func(r *isn.Report) bool) {
		for _, k := range list {
			for i := range Many(2, 200) {
				f := DrawStack(k, FirstSeed()+1000+uint64(2*i))
				if hosts++; untrue(&f.Report) {
					wrong++
					r := &f.Report
					t.Logf("%s: %v, %.0f guesses, %v", &f, r.Inputs, r.GuessesP50.Value, r.Factors)
				}
			}
		}
	}
	check(hashingStacks(), func(r *isn.Report) bool {
		for _, f := range r.Factors {
			if f.Effect == isn.DoesNotMove && (f.Name == "address" || f.Name == "port") {
				return true
			}
		}
		return r.GuessesP50.OK && r.GuessesP50.Value < 1<<22
	})
	check(bsdStacks(), func(r *isn.Report) bool {
		return slices.Contains(r.Inputs, "address") || slices.Contains(r.Inputs, "port") || r.GuessesP50.Value > 1<<20
	})
	if wrong > hosts/100 {
		t.Errorf("%d of %d hosts have something untrue said of them", wrong, hosts)
	}
}
