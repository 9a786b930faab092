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

// believed are the mishaps after which the rows say something else than what was so: the
// share of answers that may then be another class at 0.9 or more. After the others, which
// only leave something out or put it coarsely, hardly any may.
var believed = map[string]float64{
	"stamps of whole seconds":                  0.1,
	"times of 31 bits":                         0.5,
	"the ISN in the byte order of the machine": 0.15,
	"the ISN as a float of 32 bits":            0.5,
	"our number in place of the ISN":           1,
	"our number always 0":                      0.2,
	"one source port for all":                  0.2,
	"sorted by ISN, without times":             0.04, // the order is taken for that of time
	"shuffled, without times":                  0.04,
	"five rows of another host":                0.15,
	"zeros for lost answers":                   0.6,
}

// mostWrong is how many of so many answers may be another class at 0.9 or more.
func mostWrong(m Mishap, hosts int) int {
	if share, ok := believed[m.Name]; ok {
		return 1 + int(share*float64(hosts))
	}
	return hosts / 100
}

// What a sampler did wrong to rows that still say what they said changes no answer, but
// for one in ten that is given up, and none for another with confidence. Nor does anything
// else that he leaves out bring an answer that is wrong with confidence.
func TestHarmlessMishapsChangeNoAnswer(t *testing.T) {
	t.Parallel()
	first := FirstSeed()
	t.Logf("first seed %d", first)
	known := 0
	for _, m := range Mishaps() {
		hosts := Many(1, 400)
		if harmless[m.Name] {
			hosts = Many(3, 400)
		}
		if _, ok := believed[m.Name]; ok || harmless[m.Name] {
			known++
		}
		c := changed(m, first, hosts)
		t.Logf("%s: %+v", m.Name, c)
		if most := mostWrong(m, hosts); c.wrong > most {
			t.Errorf("%s: of %d answers %d are wrong at 0.9 or more, and %d may be", m.Name, hosts, c.wrong, most)
		}
		if harmless[m.Name] && (c.told == 0 || c.lost > 1+c.told/10 || c.other > c.told/100) {
			t.Errorf("%s: of %d told %d are no longer, and %d are called something else", m.Name, c.told, c.lost, c.other)
		}
	}
	if known != len(harmless)+len(believed) {
		t.Errorf("%d of %d mishaps tried", known, len(harmless)+len(believed))
	}
}

// The same count sees rows that say something else.
func TestHarmIsSeen(t *testing.T) {
	t.Parallel()
	wrong := 0
	for _, m := range []Mishap{
		eachRow("another number each time", func(rng *rand.Rand, s *isn.Sample) { s.ISN.Value = seq(rng) }),
		eachRow("the number of the row", func(_ *rand.Rand, s *isn.Sample) { s.ISN.Value = 1 << 20 }),
		eachRow("ours and one", func(_ *rand.Rand, s *isn.Sample) { s.ISN.Value = s.ClientISN.Value + craft.Seq(1) }),
	} {
		c := changed(m, 900_001, 8)
		if wrong += c.wrong; c.told == 0 || c.lost+c.other < c.told/2 {
			t.Errorf("%s: of %d told only %d are no longer, and %d are called something else", m.Name, c.told, c.lost, c.other)
		}
	}
	if wrong == 0 {
		t.Error("none is called something else with confidence")
	}
}

// changes counts what became of answers.
type changes struct {
	told  int // from the rows as they were
	lost  int // of them, those that are unknown after the mishap, or called something else below 0.9
	other int // of them, those that are called something else at 0.9 or more
	wrong int // of all hosts, those that are called something else at 0.9 or more
}

// changed counts what a mishap does to the answers about some hosts.
func changed(m Mishap, first uint64, hosts int) (c changes) {
	for i := range hosts {
		f, whole := DrawMishap(m, first+uint64(2*i))
		r := &f.Report
		sure := r.Class != isn.ClassUnknown && r.Confidence >= 0.9
		if sure && !f.Right() {
			c.wrong++
		}
		if whole.Class != f.Truth.Class {
			continue
		}
		c.told++
		switch {
		case r.Class == whole.Class:
		case sure:
			c.other++
		default:
			c.lost++
		}
	}
	return c
}
