package isn

import (
	"fmt"
	"slices"

	"synscope/craft"
)

// fewest is the number of samples below which nothing is said at all.
const fewest = 3

// detectConstant finds one value for every tuple.
func detectConstant(v *view) (verdict, bool) {
	if len(v.points) < fewest || len(v.tuples) < 2 || !allEqual(v.points) {
		return verdict{}, false
	}
	out := verdict{class: ClassConstant, confidence: sure(8 * float64(len(v.tuples)+1))}
	x := v.points[0].x
	out.next = func([]point) (craft.Seq, bool) { return x, true }
	out.note("constant-isn", Warning, fmt.Sprintf("%d samples from %d tuples, all %d", len(v.points), len(v.tuples), x),
		"Every connection begins with the same number: anybody can forge one.")
	return out, true
}

// unseenTuples is the confidence in a constant where nobody wrote down which
// tuples the samples are of.
const unseenTuples = 0.9

// detectStandstill ends the search where all numbers are one, on one tuple: a
// constant, a hash of the tuple and a half-open connection that answers again
// look the same there. Where the tuples are unknown, as in a file without ports,
// a constant is what is left.
func detectStandstill(v *view) (verdict, bool) {
	if len(v.points) < fewest || len(v.tuples) > 1 || !allEqual(v.points) {
		return verdict{}, false
	}
	x, s := v.points[0].x, v.points[0].sample
	evidence := fmt.Sprintf("%d samples, all %d", len(v.points), x)
	var out verdict
	if s.SrcPort.OK {
		out.note("one-number", Notice, evidence, "One port always got the same number. Other ports would tell a constant from a hash of the port.")
		return out, true
	}
	out.class, out.confidence = ClassConstant, min(unseenTuples, sure(8*float64(len(v.points)-1)))
	out.next = func([]point) (craft.Seq, bool) { return x, true }
	out.note("constant-isn", Warning, evidence, "Every sample holds the same number. The ports are not in the file; if they differed, anybody can forge a connection.")
	return out, true
}

// allEqual reports whether all ISNs are one value.
func allEqual(points []point) bool {
	for _, p := range points {
		if p.x != points[0].x {
			return false
		}
	}
	return true
}

// detectTupleConstant finds one value for each tuple. A host whose half-open
// sockets our resets do not close looks the same; it is told by what the first
// samples of the tuples follow.
func detectTupleConstant(v *view) (verdict, bool) {
	if len(v.tuples) < 3 || !eachConstant(v) {
		return verdict{}, false
	}
	firsts := v.firsts()
	if out, ok := staleCounter(firsts, v); ok {
		return out, true
	}
	if distinct(firsts) != len(firsts) {
		return verdict{}, false
	}
	repeats := len(v.points) - len(v.tuples)
	out := verdict{class: ClassTupleConstant, inputs: []string{"port"}, confidence: sure(10 * float64(repeats))}
	if addressMoves(v, 0) {
		out.inputs = append(out.inputs, "address")
	}
	out.note("isn-without-clock", Notice, fmt.Sprintf("%d repeats on %d tuples, all equal", repeats, len(v.tuples)),
		"Each four-tuple always begins with its own number: an old connection's segments fit into a new one, and who has once seen the number knows it.")
	return out, true
}

// eachConstant reports whether every tuple kept its one ISN, under client ISNs
// that differ (a SYN that repeats ours exactly is a retransmission), with at
// least two repeats in all.
func eachConstant(v *view) bool {
	repeats, clients := 0, 0
	for _, g := range v.repeated(2) {
		if !allEqual(g) {
			return false
		}
		repeats += len(g) - 1
		clients += distinctClients(g) - 1
	}
	return repeats >= 2 && (clients >= 1 || !v.points[0].sample.ClientISN.OK)
}

// staleCounter asks whether the tuples' first samples follow a global counter,
// clock or generator: then the repeats are old half-open sockets.
func staleCounter(firsts []point, v *view) (verdict, bool) {
	first := &view{points: firsts, timed: v.timed}
	for i := range first.points {
		first.points[i].tuple = i
		first.tuples = append(first.tuples, []int{i})
	}
	for _, detect := range []func(*view) (verdict, bool){detectGlobalStep, detectGlobalLine, detectGlobalIncrement} {
		if out, ok := detect(first); ok {
			out.flags = append(out.flags, FlagStaleHalfOpen)
			return out, true
		}
	}
	return verdict{}, false
}

// distinct counts the different ISNs.
func distinct(points []point) int {
	seen := make(map[craft.Seq]bool, len(points))
	for _, p := range points {
		seen[p.x] = true
	}
	return len(seen)
}

// distinctClients counts the different ISNs of ours.
func distinctClients(points []point) int {
	seen := make(map[Opt[craft.Seq]]bool, len(points))
	for _, p := range points {
		seen[p.sample.ClientISN] = true
	}
	return len(seen)
}

// leastConfirmations is how often a cycle's succession must have been seen again.
const leastConfirmations = 3

// detectRepeating finds a short cycle: every value that comes again is
// followed by what followed it before, and none by itself.
func detectRepeating(v *view) (verdict, bool) {
	next := make(map[craft.Seq]craft.Seq)
	confirmed := 0
	for _, run := range v.runs() {
		for i := 1; i < len(run); i++ {
			was, known := next[run[i-1].x]
			if known && was != run[i].x || run[i].x == run[i-1].x {
				return verdict{}, false
			}
			if known {
				confirmed++
			}
			next[run[i-1].x] = run[i].x
		}
	}
	n := distinct(v.points)
	if confirmed < leastConfirmations || n < 2 {
		return verdict{}, false
	}
	out := verdict{class: ClassRepeating, confidence: sure(10 * float64(confirmed))}
	out.next = func(h []point) (craft.Seq, bool) { x, ok := next[h[len(h)-1].x]; return x, ok }
	out.note("short-cycle", Warning, fmt.Sprintf("%d values, succession confirmed %d times: %s", n, confirmed, someValues(v.points)),
		"The numbers come round in a cycle of %d.", n)
	return out, true
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
