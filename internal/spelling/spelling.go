// Package spelling finds the words that a mistyped one was probably meant to be, and asks
// for them in one and the same sentence.
//
//	spelling.Hint("stat", []string{"port", "state"}) // `did you mean "state"?`
package spelling

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/xrash/smetrics"
)

// Distance is how many letters have to be put in, left out or replaced to make one word
// another (Levenshtein).
func Distance(a, b string) int { return smetrics.WagnerFischer(a, b, 1, 1, 1) }

// Nearest is the known word that is spelled most like another, whatever its case; "" where
// none is like it: half of a short word may differ, and a third of a long one.
func Nearest(word string, known []string) string {
	word = strings.ToLower(word)
	best, distance := "", max(1, min(len(word)/2, max(2, len(word)/3)))+1
	for _, k := range known {
		d := Distance(word, strings.ToLower(k))
		if d < distance || d == distance && cmp.Or(cmp.Compare(shared(word, best), shared(word, k)), cmp.Compare(k, best)) < 0 {
			best, distance = k, d
		}
	}
	return best
}

// shared is how many letters two words begin with alike: what is typed wrong is seldom
// the beginning.
func shared(word, known string) (n int) {
	for n < min(len(word), len(known)) && word[n] == known[n] {
		n++
	}
	return n
}

// Alike are up to so many known words that are spelled most like another, or hold it, or
// are part of it, best first.
func Alike(word string, known []string, most int) []string {
	distances := map[string]int{}
	for _, k := range known {
		d := Distance(word, k)
		if strings.Contains(k, word) || strings.Contains(word, k) {
			d = min(d, 2)
		}
		if d <= max(2, len(word)/3) {
			distances[k] = d
		}
	}
	alike := slices.Collect(maps.Keys(distances))
	slices.SortFunc(alike, func(a, b string) int {
		return cmp.Or(cmp.Compare(distances[a], distances[b]), cmp.Compare(slices.Index(known, a), slices.Index(known, b)))
	})
	return alike[:min(most, len(alike))]
}

// Question asks whether one of some words was meant.
func Question(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	return "did you mean " + strings.Join(quoted, " or ") + "?"
}

// Hint is what is said of a word that is not known: which was meant, or which there are.
func Hint(word string, known []string) string {
	if near := Nearest(word, known); near != "" {
		return Question(near)
	}
	return "there are " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}
