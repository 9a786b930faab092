package isn

import (
	"fmt"
	"math"

	"synscope/craft"
)

// verdict is what one detector concludes. The zero verdict concludes nothing.
type verdict struct {
	class      Class
	variant    string
	confidence float64
	clock      Opt[Clock]
	step       Opt[int64]
	line       *line
	inputs     []string
	flags      []string
	notes      []Finding
	serverMSS  Opt[uint16]

	// next predicts the ISN of the connection after the last point of the
	// history, where the class is a generator whose state is known.
	next func(history []point) (craft.Seq, bool)
	// freeBits bounds how many bits an attacker still has to guess, where the
	// class says so and no history can show it; absent otherwise.
	freeBits Opt[float64]
}

// note adds a finding to the verdict.
func (v *verdict) note(code string, s Severity, evidence, text string, args ...any) {
	v.notes = append(v.notes, Finding{code, s, fmt.Sprintf(text, args...), evidence})
}

// surest is the highest confidence ever claimed: no simulation covers what
// the world holds.
const surest = 0.998

// sure turns evidence into confidence: bits is the log2 of how unlikely the
// observation is under chance, a quarter of it is believed.
func sure(bits float64) float64 {
	if bits <= 0 {
		return 0
	}
	return min(surest, 1-math.Exp2(-bits/4))
}

// detector looks for one family of classes.
type detector struct {
	name   string
	sees   sight
	detect func(*view) (verdict, bool)
}

// sight is which samples a detector is shown.
type sight uint8

const (
	answers sight = iota // the first few hundred, every answer
	draws                // the same without stale half-open sockets
	crowd                // all of the draws: for those that only count
)

// detectors are asked in this order, and the first that is certain answers:
// exact equalities, then lines with noise, then generators, which are exact too
// but take longer to look for, then statistics. random is what is left.
var detectors = []detector{
	{"constant", answers, detectConstant},
	{"offset cookie", answers, detectOffsetCookie},
	{"freebsd cookie", answers, detectFreeBSDCookie},
	{"keyed cookie", answers, detectKeyedCookie},
	{"tuple constant", answers, detectTupleConstant},
	{"options cookie", answers, detectOptionsCookie},
	{"standstill", answers, detectStandstill},
	{"several constants", draws, detectConstants},
	{"global step", draws, detectGlobalStep},
	{"repeating", draws, detectRepeating},
	{"global clock or mixed", draws, detectGlobalLine},
	{"global increment", draws, detectGlobalIncrement},
	{"counters", draws, detectCounters},
	{"tuple clock", draws, detectTupleClock},
	{"lone clock", draws, detectLoneClock},
	{"tuple increment", draws, detectTupleIncrement},
	{"shift register", draws, detectShiftRegister},
	{"congruential", draws, detectCongruential},
	{"xorshift", draws, detectXorshift},
	{"linear complexity", draws, detectLinearComplexity},
	{"backends", draws, detectBackends},
	{"long shifts", draws, detectLongShifts},
	{"linear", crowd, detectLinear},
	{"ties", draws, detectTies},
	{"collisions", crowd, detectCollisions},
	{"bits", crowd, detectBits},
	{"random", draws, detectRandom},
}
