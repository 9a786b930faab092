package evaluate

import (
	"math/rand/v2"
	"testing"

	"synscope/craft"
	"synscope/probe/isn"
)

// harmless are the mishaps after which the rows still say what they said.
var harmless = map[string]bool{"each row twice": true, "the file twice": true, "each row twice, once without its time": true,
	"SYN-ACKs sent again": true, "SYNs sent again": true, "stamps of whole milliseconds": true,
	"sent and received swapped": true, "the ports in the byte order of the machine": true}

// What a sampler did wrong to rows that still say what they said changes no answer, but
// for one in ten that is given up, and none for another with confidence.
func TestHarmlessMishapsChangeNoAnswer(t *testing.T) {
	first := FirstSeed()
	t.Logf("first seed %d", first)
	tried := 0
	for _, m := range Mishaps() {
		if !harmless[m.Name] {
			continue
		}
		tried++
		told, lost, other := changed(m, first, Many(8, 400))
		t.Logf("%s: of %d told %d are no longer, and %d are called something else", m.Name, told, lost, other)
		if told == 0 || lost > 1+told/10 || other > told/100 {
			t.Errorf("%s: of %d told %d are no longer, and %d are called something else", m.Name, told, lost, other)
		}
	}
	if tried != len(harmless) {
		t.Errorf("%d of %d mishaps tried", tried, len(harmless))
	}
}

// The same count sees rows that say something else.
func TestHarmIsSeen(t *testing.T) {
	for _, m := range []Mishap{
		eachRow("another number each time", func(rng *rand.Rand, s *isn.Sample) { s.ISN.Value = seq(rng) }),
		eachRow("the number of the row", func(_ *rand.Rand, s *isn.Sample) { s.ISN.Value = 1 << 20 }),
		eachRow("ours and one", func(_ *rand.Rand, s *isn.Sample) { s.ISN.Value = s.ClientISN.Value + craft.Seq(1) }),
	} {
		if told, lost, other := changed(m, 900_001, 12); told == 0 || lost+other < told/2 {
			t.Errorf("%s: of %d told only %d are no longer, and %d are called something else", m.Name, told, lost, other)
		}
	}
}

// changed counts the hosts whose class was told from the rows as they were, and of them
// those that are unknown or called something else, at 0.9 or more, after the mishap.
func changed(m Mishap, first uint64, hosts int) (told, lost, other int) {
	for i := range hosts {
		f, whole := DrawMishap(m, first+uint64(2*i))
		if whole.Class != f.Truth.Class {
			continue
		}
		told++
		switch r := &f.Report; {
		case r.Class == whole.Class:
		case r.Class != isn.ClassUnknown && r.Confidence >= 0.9:
			other++
		default:
			lost++
		}
	}
	return told, lost, other
}
