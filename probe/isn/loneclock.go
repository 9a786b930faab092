package isn

// leastLone is how many samples of the one tuple there is make a line.
const leastLone = 4

// detectLoneClock ends the search where only one tuple was sampled and its
// numbers are on a line. Whether all tuples share the line cannot be seen, so
// the class stays unknown; the clock itself is measured, and good enough for the
// remote clock ([SplitDelays]).
func detectLoneClock(v *view) (verdict, bool) {
	if !v.timed || len(v.tuples) != 1 || len(v.points) < leastLone {
		return verdict{}, false
	}
	return patiently(v, func(v *view) (verdict, bool) {
		l := fitLine([][]point{v.points}, 1)
		if !believable(&l) || l.inliers*100 < l.total*85 {
			return verdict{}, false
		}
		out := clockVerdict(&l, ClassTupleClock)
		out.class, out.confidence, out.notes = ClassUnknown, 0, nil
		out.note("one-tuple", Notice, l.evidence(), "The one port that was sampled follows a clock. Other ports would tell whether each has a line of its own (RFC 6528) or all share this one.")
		return out, true
	})
}
