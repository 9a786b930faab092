package evaluate

import (
	"slices"
	"testing"

	"synscope/probe/isn"
)

// Generators whose programmers erred, and pools, are told, or withheld, and hardly ever
// called anything else with confidence.
func TestFaultyGeneratorsAreNotCalledOthers(t *testing.T) {
	first := FirstSeed()
	t.Logf("first seed %d", first)
	hosts, told, wrong := 0, 0, 0
	for at, k := range Faulty() {
		for i := range Many(at%2, 40) { // half of the kinds, where there is a minute
			f := DrawStack(k, first+uint64(2*i))
			hosts++
			switch r := &f.Report; {
			case slices.Contains(k.Right, r.Class):
				told++
			case r.Class != isn.ClassUnknown && r.Confidence >= 0.9:
				wrong++
				t.Log(&f)
			}
		}
	}
	t.Logf("%d hosts, %d told, %d wrong at 0.9 or more", hosts, told, wrong)
	if wrong > 1+hosts/50 {
		t.Errorf("%d of %d wrong at 0.9 or more", wrong, hosts)
	}
	if told < hosts/3 {
		t.Errorf("%d of %d told", told, hosts)
	}
}

// The faulty generators have names of their own, and classes that fit.
func TestFaultyGeneratorsAreDistinct(t *testing.T) { distinct(t, Faulty()) }

// What a sampler did wrong to rows that still say what they say changes no answer.
func TestMishandledRowsAreReadAsTheyAre(t *testing.T) {
	first := FirstSeed()
	t.Logf("first seed %d", first)
	harmless := map[string]bool{"each row twice": true, "the file twice": true, "each row twice, once without its time": true,
		"SYN-ACKs sent again": true, "SYNs sent again": true, "stamps of whole milliseconds": true, "stamps of whole hundredths": true,
		"only when each was sent": true, "only when each was received": true, "sent and received swapped": true,
		"the ports in the byte order of the machine": true, "shuffled, without times": true}
	for _, m := range Mishaps() {
		if !harmless[m.Name] {
			continue
		}
		hosts, wrong := Many(5, 400), 0
		for i := range hosts {
			f := DrawMishandled(m, first+uint64(2*i))
			if r := &f.Report; !f.Right() && r.Class != isn.ClassUnknown && r.Confidence >= 0.9 {
				wrong++
				t.Log(&f)
			}
		}
		if wrong > hosts/100 {
			t.Errorf("%s: %d of %d wrong at 0.9 or more", m.Name, wrong, hosts)
		}
	}
}
