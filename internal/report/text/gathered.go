package text

import (
	"slices"
	"strings"

	"synscope/internal/report/units"
)

const (
	maxBlocks = 25 // with more hosts than this to tell of, they are told of together
	maxNamed  = 5  // silent hosts up to this number are named
	maxKinds  = 50 // of answers and of findings that are told of one by one, the most frequent first
)

// gathered appends what was held back until the end, and forgets it: each host
// that answered, then in one line the hosts that did not.
func (t *textSink) gathered(lines []string) []string {
	spoke, silent := t.folds.split()
	if len(spoke) > maxBlocks {
		lines = append(lines, t.together(spoke)...)
	} else {
		for _, h := range spoke {
			lines = t.block(lines, h)
		}
	}
	if len(silent) > 0 {
		lines = append(lines, t.silent(silent)...)
	}
	if rest := &t.folds.rest; len(rest.groups) > 0 {
		rest.name = "other hosts"
		lines = append(lines, t.folded(rest.name+": ", rest)...)
	}
	t.folds.clear()
	return lines
}

// split parts the hosts with something to tell into those that answered and
// those that gave nothing, each in order. A host that is alone is told of in full.
func (f *folds) split() (spoke, silent []*hostFold) {
	for _, h := range f.hosts {
		switch {
		case len(h.groups) == 0:
		case h.spoke || len(f.hosts) == 1:
			spoke = append(spoke, h)
		default:
			silent = append(silent, h)
		}
	}
	slices.SortFunc(spoke, byAddress)
	slices.SortFunc(silent, byAddress)
	return spoke, silent
}

func byAddress(a, b *hostFold) int { return a.addr.Compare(b.addr) }

// block appends one host: its few, then its many in one line.
func (t *textSink) block(lines []string, h *hostFold) []string {
	listed, folded := h.parted()
	for _, p := range listed {
		lines = t.port(lines, p)
	}
	if len(folded) == 0 {
		return lines
	}
	prefix := ""
	if !t.grouped() {
		prefix = units.Padded(h.name, t.hostWide) + "  "
	} else {
		lines = t.hostHeading(lines, h.name)
	}
	return append(lines, t.folded(prefix, &hostFold{groups: folded})...)
}

// together tells of many hosts in one line.
func (t *textSink) together(hosts []*hostFold) []string {
	all := merged(hosts)
	return t.folded(units.CountOf(uint64(len(hosts)), "host")+": ", all)
}

// silent tells of the hosts that gave nothing.
func (t *textSink) silent(hosts []*hostFold) []string {
	who := units.CountOf(uint64(len(hosts)), "host")
	if len(hosts) <= maxNamed {
		names := make([]string, len(hosts))
		for i, h := range hosts {
			names[i] = h.name
		}
		who = strings.Join(names, ", ")
	}
	return t.folded(who+" gave no answer: ", merged(hosts))
}

func merged(hosts []*hostFold) *hostFold {
	all := &hostFold{}
	for _, h := range hosts {
		all.merge(h)
	}
	return all
}

// folded is the line of a host's groups, as counts, with a line for each
// finding below: "65,530 refused (reset), 4 filtered (no-response)".
func (t *textSink) folded(prefix string, h *hostFold) []string {
	_, groups := h.parted()
	var counts []string
	for _, g := range groups[:min(len(groups), maxKinds)] {
		counts = append(counts, t.count(g))
	}
	if len(groups) > maxKinds {
		ports := uint64(0)
		for _, g := range groups[maxKinds:] {
			ports += g.n
		}
		counts = append(counts, units.Count(ports)+" in "+units.CountOf(uint64(len(groups)-maxKinds), "other way"))
	}
	return append([]string{prefix + strings.Join(counts, ", ")}, t.foldedFindings(groups)...)
}

// foldedFindings are a line for each finding of the groups, as long as there are not too
// many.
func (t *textSink) foldedFindings(groups []*group) (lines []string) {
	more := 0
	for _, g := range groups {
		for _, f := range g.findings {
			if len(lines) == maxKinds {
				more++
				continue
			}
			lines = append(lines, t.finding(f.Finding, " ("+units.CountOf(f.n, "port")+")"))
		}
	}
	if more > 0 {
		lines = append(lines, "  and "+units.CountOf(uint64(more), "other finding")+": -o json has them all")
	}
	return lines
}

// count is "65,530 refused (reset)".
func (t *textSink) count(g *group) string {
	why := string(g.reason)
	if g.responder.IsValid() {
		why += " from " + g.responder.String()
		if g.mixed {
			why += " and others"
		}
	}
	return units.Count(g.n) + " " + t.paint.paint(stateStyle(g.state), g.state.String()) + " (" + why + ")"
}
