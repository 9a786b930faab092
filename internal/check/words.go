package check

import "slices"

func sorted(words []string) []string {
	slices.Sort(words)
	return words
}

// Ranked are the classes of sequence numbers from the easiest to guess to the
// hardest. Those that say nothing of the host itself (syn-proxy, mixed, unknown)
// have no place; SYN cookies rank with tuple-clock.
var Ranked = []string{
	"constant", "repeating", "global-step", "global-clock", "global-mixed", "random-increment", "weak-random",
	"tuple-constant", "tuple-random-increment", "tuple-clock", "random",
}

// rank is a class's place in Ranked, -1 for one without.
func rank(class string) int {
	if class == "syn-cookies" {
		class = "tuple-clock"
	}
	return slices.Index(Ranked, class)
}
