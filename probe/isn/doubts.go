package isn

import (
	"fmt"
	"strings"
)

// doubt is why a class cannot be told from others, and which others.
type doubt struct {
	classes []Class
	missing string  // what is missing
	most    float64 // the highest confidence that is left; 0 for none at all
}

// doubting records a doubt: the confidence that it leaves, what is missing and the classes.
type doubting func(most float64, missing string, classes ...Class)

// doubts lists what the samples cannot tell about the best standing, for lack of
// columns, of anything that varied, or of a model that fits.
func (v *view) doubts(s *standing) (list []doubt) {
	add := func(most float64, missing string, classes ...Class) {
		list = append(list, doubt{classes, missing, most})
	}
	v.tupleDoubts(s, add)
	if !v.timed {
		timeDoubts(s, add)
	}
	v.clientDoubts(s, add)
	v.mixtureDoubts(s, add)
	v.fitDoubts(s, add)
	v.growthDoubts(s, add)
	v.evenDoubts(s, add)
	if s.class == ClassRandom {
		v.randomDoubts(add)
	}
	return list
}

// randomDoubts are those about randomness: what the samples would not have shown.
func (v *view) randomDoubts(add doubting) {
	if len(v.points) < leastRandom {
		add(0, fmt.Sprintf("%d samples at least", leastRandom), ClassRandom, ClassWeakRandom, ClassTupleClock)
	}
	if longest(v.repeated(2)) < leastRandomSame {
		add(0, "one source port several times", ClassRandom, ClassTupleClock, ClassTupleRandomIncrement, ClassTupleConstant, ClassSYNCookies)
	}
	if len(v.tuples) < leastRandomPorts {
		add(0, "more source ports", ClassRandom, ClassMixed)
	}
	add(randomConfidence(len(v.points)), "", ClassRandom, ClassWeakRandom)
	if !repeatsSYN(v) {
		add(unladdered, "one SYN twice, the client ISN and all (the options ladder sends it)", ClassRandom, ClassSYNCookies)
	}
}

// words are the classes of a doubt as they are named together.
func (d *doubt) words() string {
	names := make([]string, len(d.classes))
	for i, c := range d.classes {
		names[i] = c.String()
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
