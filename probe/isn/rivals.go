package isn

import (
	"fmt"
	"math"

	"synscope/craft"
	"synscope/probe/isn/internal/weak"
)

// rival is an explanation that is no counter: a generator, a coder of bits, a
// cookie whose encoding shows. It proposes a verdict that says how many of the 32
// bits a number it saves in all.
type rival struct {
	name   string
	detect func(*view) (verdict, bool)
}

// rivalList are the rivals that only count. Each is a file with its paper or source.
var rivalList = []rival{
	{"cycle", detectCycle},
	{"freebsd cookie", detectFreeBSDCookie},
	{"ties", detectTies},
	{"store", detectStore},
	{"bits", detectBits},
}

// rivalPrior is what every rival pays for being one of many, in bits.
const rivalPrior = 6

// rivals asks all rivals, the generators only where nothing simpler has settled the
// matter, and adds plain randomness, which saves nothing.
func rivals(v *view, settled bool) []*standing {
	fresh := v.fresh()
	list := []*standing{{model: model{class: ClassRandom, name: "random"}, view: v, bits: fresh.plainBits(), found: randomVerdict(fresh)}}
	for _, r := range rivalList {
		if s := r.ask(v, fresh); s != nil {
			list = append(list, s)
		}
	}
	if !settled {
		list = append(list, generators(v, fresh)...)
	}
	return list
}

// generators are the rivals that search, for the state of a generator whose numbers
// look random.
func generators(v, fresh *view) (list []*standing) {
	for _, g := range weak.Search(fresh.runs()) {
		if g.Saved <= 0 {
			continue
		}
		out := verdict{class: ClassWeakRandom, variant: g.Name, saved: g.Saved, told: g.Next != nil}
		if g.Free > 0 {
			out.freeBits = Some(g.Free)
		}
		out.note("weak-generator", Warning, fmt.Sprintf("%d successors came out right", g.Proofs),
			"The numbers look random and are not: %s. A few of them tell all that follow.", g.Name)
		list = append(list, &standing{model: model{class: ClassWeakRandom, name: generatorName}, view: v,
			bits: fresh.plainBits() - g.Saved + rivalPrior, found: out})
	}
	return list
}

// generatorName is the name of the models that searched.
const generatorName = "generator"

// plainBits is what the numbers cost if nothing explains them.
func (v *view) plainBits() float64 {
	return wordBits*float64(len(v.points)) + staleBits*float64(v.stale)
}

// ask asks one rival about the draws of a view, nil where it has nothing to say.
func (r *rival) ask(v, fresh *view) *standing {
	out, ok := r.detect(fresh)
	if !ok || out.saved <= 0 {
		return nil
	}
	return &standing{model: model{class: out.class, name: r.name}, view: v, bits: fresh.plainBits() - out.saved + rivalPrior, found: out}
}

// rivalsOf asks about all samples those rivals that only count. What a generator
// saves of a part it saves of the rest in proportion.
func rivalsOf(whole *view, list []*standing) (out []*standing) {
	fresh := whole.fresh()
	out = append(out, &standing{model: model{class: ClassRandom, name: "random"}, view: whole, bits: fresh.plainBits(), found: randomVerdict(fresh)})
	for _, r := range rivalList {
		if s := r.ask(whole, fresh); s != nil {
			out = append(out, s)
		}
	}
	for _, s := range list {
		if s.ledger == nil && s.name == generatorName {
			share := float64(len(whole.points)) / float64(len(s.view.points))
			out = append(out, &standing{model: s.model, view: s.view, bits: fresh.plainBits() - s.found.saved*share, found: s.found})
		}
	}
	return out
}

// counted asks rivals that only count about all samples where a part of them looks
// random: a store shows in the many.
func counted(whole, part *view, list []*standing) []*standing {
	if list[0].class != ClassRandom {
		return list
	}
	fresh := whole.fresh()
	for _, r := range rivalList {
		if s := r.ask(whole, fresh); s != nil {
			s.bits += part.plainBits() - fresh.plainBits()
			list = append(list, s)
		}
	}
	return best(list)
}

// staleBits is about what a repeated number costs.
const staleBits = 5

// randomVerdict says what was looked for.
func randomVerdict(v *view) verdict {
	out := verdict{class: ClassRandom}
	out.note("no-structure", Info, fmt.Sprintf("%d numbers on %d tuples", len(v.points), len(v.tuples)),
		"No counter, clock, cookie, generator, bias or collision that so many samples would show. Weak generators of other kinds need more of them.")
	return out
}

// detectStore finds numbers drawn again from a small store: a coder that tells
// each as one of those before or as a new one saves so much.
func detectStore(v *view) (verdict, bool) {
	seen := make(map[craft.Seq]int)
	old, saved := 0.5, 0.0
	for i := range v.points {
		n := float64(i) + 1
		x := v.points[i].x
		if seen[x] > 0 {
			saved += wordBits - math.Log2(float64(len(seen))) + math.Log2(old/n)
			old++
		} else {
			saved += math.Log2((n - old) / n)
		}
		seen[x]++
	}
	again := len(v.points) - len(seen)
	if again == 0 || saved <= 0 {
		return verdict{}, false
	}
	return storeVerdict(len(v.points), again, saved), true
}
