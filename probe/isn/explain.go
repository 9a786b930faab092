package isn

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"synscope/craft"
)

// verdict is what the best standing says of the host.
func (s *standing) verdict() verdict {
	out := s.found
	out.class = s.class
	if s.ledger == nil {
		return out
	}
	out.flagRepeats(s)
	switch {
	case s.class == ClassMixed:
		out.explainMixture(s)
	case s.drift != nil:
		out.explainClock(s)
	case s.steps != nil:
		out.explainSteps(s)
	case s.class == ClassConstant:
		out.note("constant-isn", Warning, fmt.Sprintf("%d samples from %d tuples: %s", len(s.view.points), len(s.view.tuples), someValues(s.view.points)),
			"Every connection begins with the same number: anybody can forge one.")
	case s.class == ClassTupleConstant:
		out.note("isn-without-clock", Notice, s.evidence(),
			"Each four-tuple always begins with its own number: an old connection's segments fit into a new one, and who has once seen the number knows it.")
	case s.class == ClassSYNCookies:
		out.explainCookie(s)
	default:
		out.explainIncrements(s)
	}
	return out
}

// evidence says what the model explains and what it does not.
func (s *standing) evidence() string {
	c := s.ledger.count
	text := fmt.Sprintf("%d of %d samples follow from others", c[joined], c[joined]+c[strayed])
	if n := s.ledger.groups.n; n > 1 {
		text += fmt.Sprintf(", %d set the offsets of as many groups", c[first])
	}
	return text
}

// flagRepeats flags half-open connections that answered again, and connections
// that left TIME_WAIT.
func (v *verdict) flagRepeats(s *standing) {
	if s.ledger.count[repeated] > 0 {
		v.flags = append(v.flags, FlagStaleHalfOpen)
	}
	if s.drift == nil {
		return
	}
	for _, strands := range s.ledger.all {
		for j := range strands {
			if j > 0 && reuse(strands[j].center-strands[0].center) {
				v.flags = append(v.flags, FlagTimeWaitReuse)
			}
		}
	}
}

// explainMixture reports several generators.
func (v *verdict) explainMixture(s *standing) {
	m := s.machinesOf(s.view)
	n := m.count
	if m.strays >= 4 {
		n++
	}
	n = max(n, 2)
	v.machines = n
	v.flags = append(v.flags, FlagMultiBackend)
	if s.drift != nil {
		v.setClock(s)
	}
	v.note("several-backends", Notice, fmt.Sprintf("%s, on strands of %v; %d on none", s.evidence(), s.ledger.shares(), m.strays),
		"The numbers are those of %d generators at least, each %s: as many machines answer for this address.", n, s.name)
}

// explainClock reports a clock, with a step or without.
func (v *verdict) explainClock(s *standing) {
	v.setClock(s)
	switch s.class {
	case ClassGlobalMixed:
		one := s.view.unit
		v.step = Some(int64(math.Round(s.drift.step / one)))
		v.note("counter", Warning, fmt.Sprintf("%.0f a connection, %.6g a second; %s", s.drift.step/one, s.drift.hz/one, s.evidence()),
			"One counter for everybody grows with each connection and with time: one connection tells about where the next begins.")
	case ClassGlobalClock:
		v.note("global-clock", Warning, s.evidence(), "One clock gives every connection its number, whoever asks: one connection tells the numbers of all.")
	default:
		v.note("tuple-clock", Info, s.evidence(), "Each %s has its own line on one clock (RFC 6528).", groupName(s.key))
	}
}

// groupName says what shares an offset under a key.
func groupName(key factor) string {
	switch key & byTuple {
	case byPort:
		return "port of ours"
	case byAddress:
		return "address of ours"
	}
	return "four-tuple"
}

// explainSteps reports fixed steps.
func (v *verdict) explainSteps(s *standing) {
	a := s.steps.a
	if a == 0 {
		a = int32(s.ledger.all[0][0].sum)
	}
	a = int32(float64(a) / s.view.unit)
	v.step = Some(int64(a))
	switch {
	case s.steps.tick > 0:
		v.note("counter", Warning, s.evidence(), "Each connection begins %d above the one before it, and %d more where half a second has passed since that was last added, whoever asks: one connection tells the number of the next.", a, a)
	case s.shared():
		v.note("shared-counter", Notice, s.evidence(), "Each %s has an offset of its own, above one counter for everybody that grows by %d a connection.", groupName(s.key), a)
	case s.key != 0:
		v.note("tuple-counter", Notice, s.evidence(), "Each %s has a counter of its own, which grows by %d a connection.", groupName(s.key), a)
	case s.steps.rate > 0:
		v.note("counter", Warning, fmt.Sprintf("%s, each a whole number of steps above the last; %.3g steps a second beside ours", s.evidence(), s.steps.rate),
			"Each connection, ours and others', moves one counter on by %d, whoever asks; what moves it beside ours is others' connections, or a slow timer.", a)
	default:
		v.note("counter", Warning, s.evidence(), "Each connection begins %d above the one before it, whoever asks: one connection tells the number of the next.", a)
	}
}

// explainIncrements reports steps that are not fixed.
func (v *verdict) explainIncrements(s *standing) {
	if _, ok := s.growth.(*rising); ok {
		now := s.ledger.all[0][0].sum
		v.step = Some(int64(now))
		v.note("rising-step", Warning, fmt.Sprintf("%s; the step is %.0f at last", s.evidence(), now),
			"Each connection, ours and others', begins above the one before it by a count of time that itself grows, as lwIP's: one connection tells about where the next begins.")
		return
	}
	low, high := s.amounts()
	severity, whose := Warning, "everybody's connections"
	if s.key != 0 {
		severity, whose = Notice, "the connections of a "+groupName(s.key)
	}
	v.note("bounded-increments", severity, fmt.Sprintf("%s, by %d to %d", s.evidence(), low, high),
		"A counter for %s grows by amounts that look random within bounds (%.1f bits seen).", whose, math.Log2(float64(high-low)+1))
}

// amounts are the least and the largest difference along the strands.
func (s *standing) amounts() (low, high uint32) {
	low = math.MaxUint32
	s.along(func(was, p *point) {
		d := uint32(p.x - was.x)
		low, high = min(low, d), max(high, d)
	})
	return min(low, high), high
}

// along visits each point that joined a strand with the one before it there.
func (s *standing) along(visit func(was, p *point)) {
	last := make(map[[2]int]int)
	for i := range s.view.points {
		at := [2]int{s.ledger.groups.of[i], s.ledger.strand[i]}
		if j, ok := last[at]; ok && s.ledger.fates[i] == joined {
			visit(&s.view.points[j], &s.view.points[i])
		}
		if s.ledger.fates[i] != repeated {
			last[at] = i
		}
	}
}

// explainCookie reports a keyed function of the SYN.
func (v *verdict) explainCookie(s *standing) {
	switch {
	case s.moves&byClient != 0 && s.growth.(still).echo == added:
		v.describeOffset(s)
	case s.moves&byClient != 0:
		v.variant = VariantOther
		v.note("syn-cookie", Notice, s.evidence(), "The number is a keyed hash and ours (%s): the host keeps no state for half-open connections.", s.name)
	default:
		v.variant = VariantOther
		v.note("syn-cookie", Notice, s.evidence(), "The number is a keyed function of our SYN (%s): the host keeps no state for half-open connections.",
			strings.ReplaceAll(s.key.String(), "+", ", "))
	}
	v.proxy(s.view)
}

// distinct counts the different ISNs.
func distinct(points []point) int {
	seen := make(map[craft.Seq]bool, len(points))
	for _, p := range points {
		seen[p.x] = true
	}
	return len(seen)
}

// someValues prints the first few ISNs.
func someValues(points []point) string {
	var xs []craft.Seq
	for _, p := range points {
		if len(xs) < 6 && !slices.Contains(xs, p.x) {
			xs = append(xs, p.x)
		}
	}
	return fmt.Sprint(xs)
}
