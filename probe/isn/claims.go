package isn

import (
	"fmt"
	"math"
	"slices"
)

// Effect says whether a factor moves the numbers, as far as these samples show.
// The zero Effect says that they do not.
type Effect uint8

// The effects.
const (
	NotSaid     Effect = iota // not varied enough to say
	Moves                     // the numbers cannot be explained without it
	DoesNotMove               // nor with it
)

// String is the effect in the words of the records.
func (e Effect) String() string {
	switch e {
	case Moves:
		return "moves"
	case DoesNotMove:
		return "does not move"
	}
	return "not said"
}

// Factor is what these samples say of one factor: by how many bits the best model
// with it beats the best one without it.
type Factor struct {
	Name   string // port, address, client_isn, options or time
	Levels int    // how many values the samples have of it; for time the gaps of more than one length
	Bits   float64
	Effect Effect
}

// claim says of each factor whether it moves the numbers: only where that changes
// the description by 20 bits.
func (r *Report) claim(v *view, list []*standing) {
	top := list[0]
	structured := r.Class != ClassRandom && r.Class != ClassUnknown && top.ledger != nil
	for i, name := range factorNames {
		f := Factor{Name: name, Levels: v.levels(factor(1) << i)}
		if structured {
			f.Bits = r.weigh(list, factor(1)<<i)
		}
		switch {
		case f.Levels < 2 && name != "time", structured && top.hides(v, factor(1)<<i):
			f.Bits = 0
		case slices.Contains(r.Inputs, name):
			f.Effect = Moves
		case f.Levels < 2:
			f.Bits = 0
		case f.Bits >= claimBits:
			f.Effect = Moves
		case f.Bits <= -claimBits && !top.leavesMuch():
			f.Effect = DoesNotMove
		}
		r.Inputs = slices.DeleteFunc(r.Inputs, func(input string) bool { return input == name })
		if f.Effect == Moves {
			r.Inputs = append(r.Inputs, name)
		}
		r.Factors = append(r.Factors, f)
	}
	if structured {
		r.remarkHash(top)
	}
}

// leavesMuch reports whether the model leaves so many numbers unexplained that these may
// depend on factors on which the others do not.
func (s *standing) leavesMuch() bool {
	return s.machinesOf(s.view).strays*straysMany > s.ledger.count[joined]
}

// hides reports whether the samples cannot show what the factor does, however much it
// varied: it varied only together with factors that the model's groups have already, as
// where each address used ports of its own. And where other people's connections move a
// counter, too, nothing can be said of time: these come as time passes.
func (s *standing) hides(v *view, f factor) bool {
	switch {
	case f == byTime:
		return s.steps != nil && s.steps.rate > 0
	case s.moves&f != 0:
		return false
	case s.key&f == 0:
		return s.key != 0 && v.groups(s.key|f).n == v.groups(s.key).n
	}
	rest := byTuple &^ f
	both := v.groups(s.key | rest).n
	return s.key&^byTuple == 0 && both == v.groups(rest).n && both == v.groups(s.key).n
}

// levels is how many values of a factor there are.
func (v *view) levels(f factor) int {
	if f != byTime {
		return v.groups(f).n
	}
	if !v.timed || unevenness(v.points) < leastUneven {
		return 1
	}
	return len(v.points)
}

// weigh is by how many bits the best model with the factor beats the best
// without it.
func (r *Report) weigh(list []*standing, f factor) float64 {
	with, without := math.Inf(1), math.Inf(1)
	for _, s := range list {
		if s.all()&f != 0 {
			with = min(with, s.bits)
		} else {
			without = min(without, s.bits)
		}
	}
	if math.IsInf(with, 1) || math.IsInf(without, 1) {
		return 0
	}
	return without - with
}

func levelWords(n int) string {
	if n == 1 {
		return "1 value"
	}
	return fmt.Sprintf("%d values", n)
}

// remarkHash notes which parts of the four-tuple a hash leaves out.
func (r *Report) remarkHash(top *standing) {
	if top.key&byTuple == 0 {
		return
	}
	for _, m := range []struct{ name, code, text string }{
		{"address", "address-not-hashed", "Our address does not move the number: whoever samples one of his own ports from his own address learns the numbers that anybody's same port gets. RFC 6528 asks for both addresses and both ports."},
		{"port", "port-not-hashed", "The source port does not move the number: RFC 6528 asks for both addresses and both ports."},
	} {
		f := r.factor(m.name)
		if f.Effect == DoesNotMove {
			r.note(m.code, Warning, m.text, fmt.Sprintf("%s, %.0f bits", levelWords(f.Levels), -f.Bits))
		}
		if m.name == "address" && f.Effect == NotSaid {
			r.note("address-not-varied", Info, "Whether our address moves the number was not shown: that takes samples of the same ports from another address of ours.",
				fmt.Sprintf("%s, %.0f bits", levelWords(f.Levels), math.Abs(f.Bits)))
		}
	}
	if r.factor("client_isn").Effect == Moves && !isCookie(r.Class) {
		r.note("client-isn-mixed-in", Notice, "Our own ISN moves the number.", fmt.Sprintf("%.0f bits", r.factor("client_isn").Bits))
	}
}

// factor is the report's factor of that name.
func (r *Report) factor(name string) Factor {
	for _, f := range r.Factors {
		if f.Name == name {
			return f
		}
	}
	return Factor{Name: name}
}

func isCookie(c Class) bool { return c == ClassSYNCookies || c == ClassSYNProxy }

// unevenness is the spread of the gaps between attempts over their mean: near 0
// count and time go together, and a step and a rate cannot be told apart.
func unevenness(points []point) float64 {
	if len(points) < 3 {
		return 0
	}
	sum, squares, n := 0.0, 0.0, float64(len(points)-1)
	for i := 1; i < len(points); i++ {
		gap := (points[i].t - points[i-1].t) / float64(max(points[i].k-points[i-1].k, 1))
		sum, squares = sum+gap, squares+gap*gap
	}
	mean := sum / n
	if mean == 0 {
		return 0
	}
	return math.Sqrt(max(squares/n-mean*mean, 0)) / mean
}

// leastUneven is the unevenness from which a step is told from a rate.
const leastUneven = 0.3

// longest is the size of the largest group.
func longest(groups [][]point) int {
	n := 0
	for _, g := range groups {
		n = max(n, len(g))
	}
	return n
}
