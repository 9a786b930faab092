package text

import (
	"cmp"
	"net/netip"
	"slices"

	"synscope/internal/report/record"
	"synscope/probe"
)

// How much of what is not open is kept for the end of a run: enough to show
// what is rare by itself, little enough for a run of any size.
const (
	few       = 10      // a group of a host with more ports than this is shown as a count
	listHosts = 256     // with more hosts than this no group keeps its ports
	maxHosts  = 1 << 16 // hosts beyond are counted together
)

// folds gathers the verdicts that are not shown as they come.
type folds struct {
	byAddr map[netip.Addr]*hostFold
	hosts  []*hostFold // in the order in which they were met
	rest   hostFold    // every host after the first maxHosts
}

// hostFold is what is gathered of one host, or of several together.
type hostFold struct {
	addr   netip.Addr
	name   string // as people know it, empty until something is gathered
	spoke  bool   // something came back for a port of this host
	groups []*group
	index  map[stateReason]*group // of the groups, where they are many
}

// stateReason is what the ports of a group share.
type stateReason struct {
	state  probe.State
	reason probe.Reason
}

// many is from how many groups of a host, or findings of a group, on an index is kept:
// the answers of a run are of few kinds, those of a stranger's file may all be different.
const many = 32

// group is the ports of a host that share state and reason.
type group struct {
	state     probe.State
	reason    probe.Reason
	n         uint64
	held      []*record.Port // all of them while they are few, else nil
	responder netip.Addr
	mixed     bool // several answered; responder is one of them
	findings  []groupFinding
	index     map[string]int // of the findings by code, where they are many
}

// groupFinding counts the ports of a group with a finding of one code. Text and
// evidence are those of the first.
type groupFinding struct {
	probe.Finding
	n uint64
}

func newFolds() *folds { return &folds{byAddr: make(map[netip.Addr]*hostFold)} }

// add gathers a verdict.
func (f *folds) add(p *record.Port) {
	h := f.host(p.Addr)
	if h == &f.rest {
		h.add(p)
		return
	}
	if h.name == "" {
		h.name = record.HostOf(p)
	}
	h.spoke = h.spoke || p.Reason != probe.ReasonNoResponse
	if len(f.hosts) <= listHosts {
		h.addHeld(p)
		return
	}
	h.add(p)
}

// supersede takes back what an earlier record said of a port, of which another says something else:
// that very record where it is held, and otherwise one of as many as are like it.
func (f *folds) supersede(p *record.Port) {
	if before, ok := p.Before.Get(); ok {
		f.host(p.Addr).takeBack(p.Port, before)
	}
}

func (h *hostFold) takeBack(port uint16, before probe.State) {
	g := h.holding(port, before)
	if g == nil {
		return
	}
	if g.n--; g.n == 0 {
		h.groups = slices.DeleteFunc(h.groups, func(other *group) bool { return other == g })
		delete(h.index, stateReason{g.state, g.reason})
	}
}

// holding is the group that a port was counted in, and holds it no more; the biggest of its state where
// no group holds it, nil if there is none.
func (h *hostFold) holding(port uint16, before probe.State) (biggest *group) {
	for _, g := range h.groups {
		if g.state != before {
			continue
		}
		if i := slices.IndexFunc(g.held, func(p *record.Port) bool { return p.Port == port }); i >= 0 {
			g.held = slices.Delete(g.held, i, i+1)
			return g
		}
		if g.held == nil && (biggest == nil || g.n > biggest.n) {
			biggest = g
		}
	}
	return biggest
}

// see notes that a host answered.
func (f *folds) see(a netip.Addr) { f.host(a).spoke = true }

func (f *folds) host(a netip.Addr) *hostFold {
	if h, ok := f.byAddr[a]; ok {
		return h
	}
	if len(f.hosts) == maxHosts {
		return &f.rest
	}
	h := &hostFold{addr: a}
	f.byAddr[a] = h
	f.hosts = append(f.hosts, h)
	if len(f.hosts) == listHosts+1 {
		f.release()
	}
	return h
}

// release lets go of single ports.
func (f *folds) release() {
	for _, h := range f.hosts {
		for _, g := range h.groups {
			g.held = nil
		}
	}
}

// clear forgets what was gathered, not which hosts were met.
func (f *folds) clear() {
	for _, h := range f.hosts {
		h.groups, h.index = nil, nil
	}
	f.rest.groups, f.rest.index = nil, nil
}

// add counts a verdict.
func (h *hostFold) add(p *record.Port) {
	g := h.group(p.State, p.Reason)
	g.held = nil
	g.add(p)
}

// addHeld counts it, and holds it as long as few are alike.
func (h *hostFold) addHeld(p *record.Port) {
	g := h.group(p.State, p.Reason)
	if g.n < few && g.n == uint64(len(g.held)) {
		held := *p // the record may be filled anew
		g.held = append(g.held, &held)
	} else {
		g.held = nil
	}
	g.add(p)
}

func (g *group) add(p *record.Port) {
	g.answered(p.Responder, g.n == 0)
	g.n++
	for _, finding := range p.Findings {
		g.find(finding, 1)
	}
}

// group finds the group of a state and a reason, or begins it.
func (h *hostFold) group(s probe.State, r probe.Reason) *group {
	if g := h.known(stateReason{s, r}); g != nil {
		return g
	}
	g := &group{state: s, reason: r}
	h.groups = append(h.groups, g)
	switch {
	case h.index != nil:
		h.index[stateReason{s, r}] = g
	case len(h.groups) == many:
		h.index = map[stateReason]*group{}
		for _, g := range h.groups {
			h.index[stateReason{g.state, g.reason}] = g
		}
	}
	return g
}

// known is a group that there is already; nil: there is none.
func (h *hostFold) known(key stateReason) *group {
	if h.index != nil {
		return h.index[key]
	}
	for _, g := range h.groups {
		if g.state == key.state && g.reason == key.reason {
			return g
		}
	}
	return nil
}

// merge adds all of other's groups to h's.
func (h *hostFold) merge(other *hostFold) {
	for _, o := range other.groups {
		g := h.group(o.state, o.reason)
		g.answered(o.responder, g.n == 0)
		g.mixed = g.mixed || o.mixed
		g.n += o.n
		for _, f := range o.findings {
			g.find(f.Finding, f.n)
		}
	}
}

// answered notes who answered for a port of the group.
func (g *group) answered(by netip.Addr, first bool) {
	if !first && g.responder != by {
		g.mixed = true
	}
	if !g.responder.IsValid() {
		g.responder = by
	}
}

func (g *group) find(f probe.Finding, n uint64) {
	if i := g.place(f.Code); i >= 0 {
		g.findings[i].n += n
		return
	}
	g.findings = append(g.findings, groupFinding{f, n})
	switch {
	case g.index != nil:
		g.index[f.Code] = len(g.findings) - 1
	case len(g.findings) == many:
		g.index = map[string]int{}
		for i, f := range g.findings {
			g.index[f.Code] = i
		}
	}
}

// place is where a finding of a code is, or -1.
func (g *group) place(code string) int {
	if g.index != nil {
		if i, known := g.index[code]; known {
			return i
		}
		return -1
	}
	return slices.IndexFunc(g.findings, func(f groupFinding) bool { return f.Code == code })
}

// parted are the ports that are shown one by one, in order, and the groups
// that are shown as counts, the biggest first.
func (h *hostFold) parted() (listed []*record.Port, folded []*group) {
	for _, g := range h.groups {
		if g.held != nil {
			listed = append(listed, g.held...)
		} else {
			folded = append(folded, g)
		}
	}
	slices.SortFunc(listed, func(a, b *record.Port) int { return int(a.Port) - int(b.Port) })
	slices.SortStableFunc(folded, func(a, b *group) int { return cmp.Compare(b.n, a.n) })
	return listed, folded
}
