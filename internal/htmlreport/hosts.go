package htmlreport

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"synscope/internal/explain"
	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/internal/target"
	"synscope/probe"
)

// How much of the hosts a page has room for.
const (
	mostHostRows  = 5_000
	mostPortRows  = 5_000 // of all hosts
	mostOpenNamed = 30    // open ports that are named in a host's row
)

// hostsView is a row for each host.
type hostsView struct {
	Rows    []hostRow
	Omitted string
	// Which columns hold anything.
	HasLoss, HasMAC, HasRTT, HasFindings bool
}

type hostRow struct {
	Name, Addr, AddrKey       string // the key sorts as numbers do
	State, Reason, StateClass string
	Open                      []openPort
	OpenMore                  int
	OpenN                     uint64
	Refused, Filtered, Other  uint64
	RTT, Loss, MAC, Vendor    string
	RTTKey                    int64 // ns; -1 none
	LossKey                   float64
	Warnings, Notices         int
	Ports                     []portRow
	Detailed                  bool // some port has more than its verdict
	Folded                    string
	Anchor                    string
}

type openPort struct {
	Port    uint16
	Service string
	Class   string
}

type portRow struct {
	Port                          uint16
	Service, State, Class, Reason string
	RTT, TTL, Window, Options     string
	Sure, Who, Time, Was          string
	Findings                      []probe.Finding
}

// hosts is the table of hosts, and of each its ports.
func (r *Report) hosts() *hostsView {
	v := &hostsView{}
	all := r.addresses()
	if len(all) == 0 {
		return nil
	}
	shown := r.mostTelling(all)
	budget := mostPortRows
	severities := r.severities()
	for i, a := range shown {
		row := r.hostRow(a, &budget)
		row.Anchor = "host-" + strconv.Itoa(i+1)
		row.Warnings, row.Notices = severities[a].warnings, severities[a].notices
		v.HasLoss = v.HasLoss || row.Loss != ""
		v.HasMAC = v.HasMAC || row.MAC != ""
		v.HasRTT = v.HasRTT || row.RTT != ""
		v.HasFindings = v.HasFindings || row.Warnings+row.Notices > 0
		v.Rows = append(v.Rows, row)
	}
	if len(all) > len(shown) {
		v.Omitted = fmt.Sprintf("%s of %s hosts are shown, those with open ports first.", units.Count(uint64(len(shown))), units.Count(uint64(len(all))))
	}
	return v
}

// mostTelling are as many hosts as there is room for, in the order of addresses.
func (r *Report) mostTelling(all []netip.Addr) []netip.Addr {
	if len(all) <= mostHostRows {
		return all
	}
	open := func(a netip.Addr) (n uint64) {
		for _, one := range r.runs {
			if s := one.hosts[a]; s != nil {
				n += 2 * s.counts[probe.StateOpen]
				if s.record != nil && s.record.State == probe.HostUp {
					n++
				}
			}
		}
		return n
	}
	slices.SortStableFunc(all, func(a, b netip.Addr) int { return cmp.Compare(open(b), open(a)) })
	shown := all[:mostHostRows]
	slices.SortFunc(shown, netip.Addr.Compare)
	return shown
}

// merged is what all runs saw of a host: of a port that several asked, the last.
// What was counted and not kept is that of the last run.
func (r *Report) merged(a netip.Addr) *sighting {
	var seen []*sighting
	for _, one := range r.runs {
		if s := one.hosts[a]; s != nil {
			seen = append(seen, s)
		}
	}
	if len(seen) == 1 {
		return seen[0]
	}
	all := newSighting()
	all.details = map[uint16]*record.Port{}
	for _, s := range seen {
		all.join(s)
	}
	maps.Copy(all.counts, seen[len(seen)-1].uncounted())
	for _, v := range all.ports {
		all.counts[v.state]++
	}
	return all
}

// join takes over what a later run saw.
func (s *sighting) join(later *sighting) {
	if later.record != nil {
		s.record = later.record
	}
	for p, v := range later.ports {
		s.ports[p] = v
		delete(s.details, p)
	}
	maps.Copy(s.details, later.details)
	if later.fastest > 0 && (s.fastest == 0 || later.fastest < s.fastest) {
		s.fastest = later.fastest
	}
}

// uncounted are the verdicts of which only the number was kept.
func (s *sighting) uncounted() map[probe.State]uint64 {
	rest := maps.Clone(s.counts)
	for _, v := range s.ports {
		rest[v.state]--
	}
	return rest
}

func (r *Report) hostRow(a netip.Addr, budget *int) hostRow {
	s := r.merged(a)
	row := hostRow{Name: r.name(a), Addr: a.String(), AddrKey: addressKey(a), RTTKey: -1, LossKey: -1}
	row.state(r, s)
	row.verdicts(s, r.shown)
	if s.fastest > 0 {
		row.RTT, row.RTTKey = units.Duration(s.fastest), int64(s.fastest)
	}
	if h := s.record; h != nil {
		row.about(h)
	}
	row.ports(r, a, s, budget)
	return row
}

// state is what a host record says, or what its ports prove.
func (row *hostRow) state(r *Report, s *sighting) {
	answered := s.counts[probe.StateOpen] + s.counts[probe.StateRefused] + s.counts[probe.StateUnfiltered]
	switch h := s.record; {
	case h != nil && h.State != probe.HostUnknown:
		row.State, row.Reason = h.State.String(), string(h.Reason)
	case answered > 0:
		row.State = "up"
	case h != nil:
		row.State, row.Reason = "unknown", string(h.Reason)
	default:
		row.State = "silent"
	}
	row.StateClass = map[string]string{"up": "open", "down": "filtered", "silent": "filtered"}[row.State]
	r.book.note(explain.Reason, row.Reason)
}

func (row *hostRow) verdicts(s *sighting, shown shelves) {
	row.OpenN = s.counts[probe.StateOpen]
	row.Refused, row.Filtered = s.counts[probe.StateRefused], s.counts[probe.StateFiltered]
	for state, n := range s.counts {
		if state != probe.StateOpen && state != probe.StateRefused && state != probe.StateFiltered {
			row.Other += n
		}
	}
	for _, p := range slices.Sorted(maps.Keys(s.ports)) {
		state := s.ports[p].state
		if !record.PossiblyOpen(state) {
			continue
		}
		if len(row.Open) == mostOpenNamed || !shown.fits("names of open ports in the rows of hosts", 1, mostChips) {
			row.OpenMore++
			continue
		}
		row.Open = append(row.Open, openPort{p, target.Service(p), marks[state].class})
	}
}

// about is what a host record adds.
func (row *hostRow) about(h *record.Host) {
	if d, ok := h.RTT.Get(); ok && row.RTT == "" {
		row.RTT, row.RTTKey = units.Duration(d), int64(d)
	}
	if loss, ok := h.Loss.Get(); ok {
		row.Loss, row.LossKey = units.Significant(100*loss, 1)+" %", loss
	}
	row.MAC, row.Vendor = h.MAC, h.Vendor
}

// ports are the host's ports in full, those folded that would fill the page.
func (row *hostRow) ports(r *Report, a netip.Addr, s *sighting, budget *int) {
	folded := map[string]uint64{}
	dull := s.counts[probe.StateRefused]+s.counts[probe.StateFiltered] > 24
	for _, p := range slices.Sorted(maps.Keys(s.ports)) {
		v := s.ports[p]
		detail := s.details[p]
		if *budget == 0 || dull && !record.PossiblyOpen(v.state) && (detail == nil || len(detail.Findings) == 0) && r.before(a, p) == "" {
			folded[v.state.String()+" ("+v.reason+")"]++
			continue
		}
		*budget--
		row.Ports = append(row.Ports, portRowOf(p, v, detail, r.before(a, p)))
		row.Detailed = row.Detailed || detail != nil
		r.book.note(explain.State, v.state.String())
		r.book.note(explain.Reason, v.reason)
	}
	var words []string
	for _, what := range slices.Sorted(maps.Keys(folded)) {
		words = append(words, units.Count(folded[what])+" "+what)
		state, reason, _ := strings.Cut(strings.TrimSuffix(what, ")"), " (")
		r.book.note(explain.State, state)
		r.book.note(explain.Reason, reason)
	}
	row.Folded = strings.Join(words, ", ")
}

// before is the state of a port in the run before the last that knows it, where
// it was another.
func (r *Report) before(a netip.Addr, p uint16) string {
	if len(r.runs) < 2 {
		return ""
	}
	if c, _, _ := r.cell(a, p); c.Was != "" {
		_, was, _ := strings.Cut(c.Words, "before: ")
		return was
	}
	return ""
}

func portRowOf(p uint16, v verdict, d *record.Port, was string) portRow {
	row := portRow{Port: p, Service: target.Service(p), State: v.state.String(), Class: marks[v.state].class, Reason: v.reason, Was: was}
	if v.rtt > 0 {
		row.RTT = units.Duration(v.rtt)
	}
	if d == nil {
		return row
	}
	if ttl, ok := d.TTL.Get(); ok {
		row.TTL = strconv.Itoa(int(ttl))
	}
	if window, ok := d.Window.Get(); ok {
		row.Window = strconv.Itoa(int(window))
	}
	if sure, ok := d.Sure.Get(); ok {
		row.Sure = units.Significant(100*sure, 1) + " % sure"
	}
	if d.Responder.IsValid() {
		row.Who = "from " + d.Responder.String()
	}
	if !d.Time.IsZero() {
		row.Time = d.Time.UTC().Format("15:04:05.000")
	}
	row.Options, row.Findings = portOptions(d), d.Findings[:min(len(d.Findings), mostOfRecord)]
	return row
}

func portOptions(d *record.Port) string {
	var words []string
	if mss, ok := d.MSS.Get(); ok {
		words = append(words, fmt.Sprintf("mss %d", mss))
	}
	if shift, ok := d.WScale.Get(); ok {
		words = append(words, fmt.Sprintf("wscale %d", shift))
	}
	if on, _ := d.SACK.Get(); on {
		words = append(words, "sack")
	}
	if on, _ := d.TS.Get(); on {
		words = append(words, "ts")
	}
	return strings.Join(words, ", ")
}

// addressKey sorts as text as addresses do.
func addressKey(a netip.Addr) string {
	b := a.As16()
	return fmt.Sprintf("%d%x", map[bool]int{true: 4, false: 6}[a.Is4()], b)
}

// weight is how many findings of a kind a host has.
type weight struct{ warnings, notices int }

// severities counts findings by host.
func (r *Report) severities() map[netip.Addr]weight {
	all := map[netip.Addr]weight{}
	for _, one := range r.runs {
		for _, f := range one.found {
			w := all[f.at.Addr]
			switch f.Severity {
			case probe.SeverityWarning:
				w.warnings++
			case probe.SeverityNotice:
				w.notices++
			}
			all[f.at.Addr] = w
		}
	}
	return all
}
