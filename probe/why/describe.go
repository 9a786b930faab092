package why

import (
	"fmt"
	"slices"
	"strings"
)

// describe says in a line what came of an experiment.
func describe(trials []Trial) string {
	var parts []string
	var groups []*group
	at := map[string]*group{}
	for i := range trials {
		t := &trials[i]
		if t.Kind == Local {
			if t.Outcome == Yes {
				parts = append(parts, t.Fact.with(t.Reply.Text))
			}
			continue
		}
		name := armOf(t)
		g := at[name]
		if g == nil {
			g = &group{name: name, counts: map[Outcome]int{}}
			at[name] = g
			groups = append(groups, g)
		}
		g.add(t)
	}
	for _, g := range groups {
		parts = append(parts, g.String())
	}
	if len(parts) == 0 {
		return "nothing wrong"
	}
	return strings.Join(merge(parts), "; ")
}

// armOf names the trials that differ by chance only.
func armOf(t *Trial) string {
	name := [kinds]string{"SYN", "ACK", "FIN", "echo", "connection", "held connection", "large segments", "pause", "same SYN twice", "port used again", "connect(2)", "trace", ""}[t.Kind]
	switch {
	case t.Kind == Idle:
		name = fmt.Sprintf("pause of %v", t.Pause)
	case t.Sends == Request:
		name = "request"
	case t.Look != Usual:
		name = lookNames[t.Look]
	}
	switch t.Role {
	case Closed:
		name += " to an unused port"
	case Served:
		name += " to another port"
	case Against:
		name += " to the port that works"
	}
	if t.Addr > 0 {
		name += fmt.Sprintf(" to address %d", t.Addr+1)
	}
	return name
}

// group is an arm and how often each outcome came.
type group struct {
	name   string
	counts map[Outcome]int
	order  []Outcome
	texts  []string

	discarded Discarded
}

func (g *group) add(t *Trial) {
	if g.counts[t.Outcome] == 0 {
		g.order = append(g.order, t.Outcome)
	}
	g.counts[t.Outcome]++
	g.discarded.Add(t.Reply.Discarded)
	text := t.Reply.Text
	if t.Kind == Trace {
		text = traceText(t)
	}
	if text != "" && !slices.Contains(g.texts, text) && len(g.texts) < 2 {
		g.texts = append(g.texts, text)
	}
}

func traceText(t *Trial) string {
	last, answered := t.reach()
	switch {
	case answered > 0:
		return fmt.Sprintf("answered at hop %d", answered)
	case last > 0:
		return fmt.Sprintf("last router at hop %d, %s", last, t.hopBefore(last+1))
	}
	return ""
}

func (g *group) String() string {
	var list []string
	for _, o := range g.order {
		if g.counts[o] == 1 && len(g.order) == 1 {
			list = append(list, o.String())
			continue
		}
		list = append(list, fmt.Sprintf("%d %s", g.counts[o], o))
	}
	text, beside := g.name+": "+strings.Join(list, ", "), slices.Clone(g.texts)
	if g.discarded != (Discarded{}) {
		beside = append(beside, g.discarded.String())
	}
	if len(beside) > 0 {
		text += " (" + strings.Join(beside, "; ") + ")"
	}
	return text
}

// merge joins arms with the same outcomes: "a, b: silence".
func merge(parts []string) (out []string) {
	at := map[string]int{}
	for _, p := range parts {
		name, fate, ok := strings.Cut(p, ": ")
		if i, known := at[fate]; ok && known {
			other, _, _ := strings.Cut(out[i], ": ")
			out[i] = other + ", " + name + ": " + fate
			continue
		}
		at[fate] = len(out)
		out = append(out, p)
	}
	return out
}

// countOf is a number of things: "1 SYN", "2 SYNs".
func countOf(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
