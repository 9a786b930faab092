package check

import "regexp"

// groups are names of targets and of other groups.
type groups map[string][]located

var groupName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// resolve puts the targets of groups in place of their names, each target once.
func (g groups) resolve(words []located) (all []located) {
	seen := map[string]bool{}
	g.each(words, seen, func(w located) { all = append(all, w) })
	return all
}

// each visits the targets of words that have not been seen.
func (g groups) each(words []located, seen map[string]bool, visit func(located)) {
	for _, w := range words {
		if seen[w.word] {
			continue
		}
		seen[w.word] = true
		if members, ok := g[w.word]; ok {
			g.each(members, seen, visit)
			continue
		}
		visit(w)
	}
}

// holds tells whether a group is, however deep, among those of another.
func (g groups) holds(name, other string) bool {
	seen := map[string]bool{}
	g.each(g[name], seen, func(located) {})
	return seen[other]
}
