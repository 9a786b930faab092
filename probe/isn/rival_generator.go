package isn

import (
	"fmt"

	"synscope/probe/isn/internal/weak"
)

// generators are the rivals that search, for the state of a generator whose numbers
// look random.
func generators(v, fresh *view) (list []*standing) {
	for _, g := range weak.Search(fresh.runs()) {
		if g.Saved <= 0 {
			continue
		}
		out := verdict{class: ClassWeakRandom, variant: g.Name, saved: g.Saved, nextKnown: g.Next != nil}
		if g.Free > 0 {
			out.freeBits = Some(g.Free)
		}
		out.note("weak-generator", Warning, fmt.Sprintf("%d successors came out right", g.Proofs),
			"The numbers look random and are not: %s. A few of them tell all that follow.", g.Name)
		list = append(list, rivalStanding(model{class: ClassWeakRandom, name: generatorName}, v, fresh, out))
	}
	return list
}

// generatorName is the name of the models that searched.
const generatorName = "generator"
