package isn

import (
	"fmt"
	"math"
	"math/bits"

	"synscope/craft"
)

// detectKeyedCookie finds a keyed function of the whole SYN: on one tuple the
// same SYN gets the same number, though others in between got others, and
// another ISN of ours gets another. A half-open socket that outlived our reset
// repeats its number too, but answers every SYN in between with it.
func detectKeyedCookie(v *view) (verdict, bool) {
	repeats, changed := 0, false
	for _, g := range v.repeated(4) {
		if !g[0].sample.ClientISN.OK {
			continue
		}
		repeats += keyedRepeats(g)
		changed = changed || clientMoves(g)
	}
	if float64(repeats)*room(v.points) < leastKeyed || sharedByStrangers(v.points) {
		return verdict{}, false
	}
	out := verdict{class: ClassSYNCookies, variant: VariantOther, confidence: sure(20 + 8*float64(repeats)), inputs: []string{"port", "options"}}
	if changed {
		out.inputs = []string{"port", "client_isn"}
		if optionsMove(v) {
			out.inputs = append(out.inputs, "options")
		}
	}
	out.note("syn-cookie", Notice, fmt.Sprintf("%d repeats of a SYN got the same number again, other SYNs other numbers", repeats),
		"The number is a keyed function of our SYN: the host keeps no state for half-open connections.")
	out.proxy(v)
	return out, true
}

// leastKeyed is the evidence, in bits, below which repeats are chance: so many
// bits must two equal numbers agree in that not one pair in a run does so.
const leastKeyed = 20

// room is how many bits the numbers have room for: no more than vary, and no more
// than the arc they lie in.
func room(points []point) float64 {
	var varied craft.Seq
	for _, p := range points {
		varied |= p.x ^ points[0].x
	}
	return min(float64(bits.OnesCount32(uint32(varied))), math.Log2(arc(points)))
}

// sharedByStrangers reports whether SYNs that differ in tuple or client ISN got
// one number: a small store, not a function of the SYN.
func sharedByStrangers(points []point) bool {
	first := make(map[craft.Seq]*point, len(points))
	for i := range points {
		p := &points[i]
		q := first[p.x]
		if q != nil && (q.tuple != p.tuple || q.sample.ClientISN != p.sample.ClientISN) {
			return true
		}
		first[p.x] = p
	}
	return false
}

// keyedRepeats counts pairs of equal SYNs with equal answers that cannot be one
// half-open socket: either a different answer lies between them, or at least
// three further SYNs, each of which our reset had its chance to end.
func keyedRepeats(g []point) int {
	n := 0
	for i := range g {
		between := false
		for j := i + 1; j < len(g) && j <= i+shortGroup; j++ {
			same := g[j].x == g[i].x
			if same && distinct(g) > 1 && repeatsKey(&g[i], &g[j], between, j-i) {
				n++
			}
			between = between || !same
		}
	}
	return n
}

// repeatsKey reports whether two equal answers show a function of the SYN: the
// function may leave the options out, and then the options need not be equal.
func repeatsKey(a, b *point, between bool, apart int) bool {
	if between {
		return a.sample.ClientISN == b.sample.ClientISN
	}
	return sameSYN(a, b) && apart >= 4
}

// sameSYN reports whether two SYNs of a tuple were equal as far as is known.
func sameSYN(a, b *point) bool {
	return a.sample.ClientISN == b.sample.ClientISN && a.sample.Offer == b.sample.Offer
}

// clientMoves reports whether another ISN of ours brought another answer.
func clientMoves(g []point) bool {
	for i := 1; i < len(g); i++ {
		if g[i].sample.ClientISN != g[i-1].sample.ClientISN && g[i].x == g[i-1].x {
			return false
		}
	}
	return true
}

// optionsMove reports whether SYNs of one tuple and client ISN got different
// answers to different offers.
func optionsMove(v *view) bool {
	for _, g := range v.repeated(2) {
		for i := 1; i < len(g); i++ {
			a, b := g[i-1].sample, g[i].sample
			if a.ClientISN == b.ClientISN && a.Offer != b.Offer && g[i].x != g[i-1].x {
				return true
			}
		}
	}
	return false
}
