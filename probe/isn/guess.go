package isn

import (
	"fmt"
	"math"

	"synscope/craft"
)

const (
	// blindGuesses cover half of all sequence numbers.
	blindGuesses = 1 << 31
	// linuxCookies is how many numbers a host that makes Linux's cookies takes at
	// a time: four MSS values in each of two minutes.
	linuxCookies = 8
	// leastHeldOut is how many predicted numbers a measured figure rests on.
	leastHeldOut = 4
)

// guess says how many guesses of a new connection's exact number are right in
// half of all cases, under the best model: by somebody who sees none of the
// victim's packets and samples as often as he likes from his own address and
// ports. What the model needs to know of the victim's connection decides: an
// offset that depends on the address is hidden from him, one that depends on
// the port is not.
func (r *Report) guess(v *view, top *standing, answer verdict) {
	g := r.guessesUnder(v, top, answer)
	g = min(max(g, 1), blindGuesses)
	r.GuessesP50, r.Difficulty = Some(g), Some(math.Log2(g))
	shown := min(shownEntropy(v.fresh().points), math.Log2(g)+1)
	switch {
	case r.Class == ClassRepeating:
		shown = min(shown, math.Log2(float64(distinct(v.points))))
	case r.Class == ClassConstant, answer.nextKnown:
		shown = 0
	}
	r.EntropyBits = Some(max(shown, 0))
}

func (r *Report) guessesUnder(v *view, top *standing, answer verdict) float64 {
	free, limited := answer.freeBits.Get()
	switch {
	case answer.nextKnown:
		return 1
	case limited:
		return math.Exp2(free - 1)
	case isCookie(r.Class) && r.Variant == VariantLinux:
		return linuxGuesses()
	case top.ledger == nil:
		return blindGuesses
	}
	guesses := r.guessesAlong(v, top)
	if isCookie(r.Class) && r.Variant == "" { // they may be Linux's
		guesses = min(guesses, linuxGuesses())
	}
	return guesses
}

func linuxGuesses() float64 { return space * (1 - math.Exp2(-1.0/linuxCookies)) }

// guessesAlong is the figure under a model of growth.
func (r *Report) guessesAlong(v *view, top *standing) float64 {
	address := r.factor("address")
	open := top.median()
	switch {
	case top.key&byTuple == 0 && isCookie(r.Class) && !v.varied(byTuple):
		r.note("guesses-if-tuple-hashed", Info, "Only one four-tuple was sampled; the guesses hold if the hash takes it in. If it does not, the number is known.",
			fmt.Sprintf("%.0f guesses then", open))
		return blindGuesses
	case top.key&byTuple == 0:
		return open
	case address.Effect == DoesNotMove:
		r.note("own-ports-tell", Warning, "A connection of one's own from a victim's port tells that port's numbers for everybody.",
			fmt.Sprintf("%.0f guesses", open))
		return open
	case address.Effect == Moves:
		return blindGuesses
	case address.Levels > 1 && address.Bits < 0:
		r.note("guesses-of-a-mixture", Notice, "Two models are left, with our address in the hash and without it; the guesses are those without it.",
			fmt.Sprintf("%.0f bits for the one without", -address.Bits))
		return open
	}
	if address.Effect == NotSaid {
		r.note("guesses-if-address-hashed", Info, "The guesses hold if the hash takes in our address, which was not shown; if it does not, they are far fewer.",
			fmt.Sprintf("%.0f guesses then", open))
	}
	return blindGuesses
}

// median is the median number of guesses over the numbers that followed others (of a counter
// those that followed soonest), each predicted from the ones before it. Numbers that nothing
// explains count as impossible to guess.
func (s *standing) median() float64 {
	var gaps []float64
	s.along(func(was, p *point) { gaps = append(gaps, p.t-was.t) })
	soon := median(gaps)
	var all, close []float64
	s.along(func(was, p *point) {
		m := s.ledger.miss[p.row]
		if m == notPredicted {
			return
		}
		all = append(all, m)
		if p.t-was.t <= soon {
			close = append(close, m)
		}
	})
	if s.drift == nil && len(close) >= leastHeldOut {
		all = close
	}
	for i := range s.view.points {
		if s.ledger.fates[i] == strayed && len(all) > 0 && s.ledger.strand[i] < 0 {
			all = append(all, blindGuesses)
		}
	}
	if len(all) == 0 {
		return blindGuesses
	}
	return max(1, median(all))
}

// shownEntropy is how many bits of entropy a sample of different numbers
// proves: a store smaller than n^2/2 would have shown a collision, but no more
// than log2 n is claimed; numbers that came again count by the most common.
func shownEntropy(points []point) float64 {
	count := make(map[craft.Seq]int)
	most := 0
	for _, p := range points {
		count[p.x]++
		most = max(most, count[p.x])
	}
	return math.Log2(float64(len(points)) / float64(most))
}
