package htmlreport

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"synscope/internal/explain"
	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/internal/target"
	"synscope/probe"
)

// How much of a matrix a page has room for.
const (
	mostRows    = 250
	mostColumns = 40
)

// matrixView is the verdicts: a row for each host, a column for each port.
type matrixView struct {
	Columns []columnView
	Rows    []matrixRow
	Omitted []string
	Keys    []cell // of the states that occur
}

type columnView struct {
	Port    uint16
	Service string
}

type matrixRow struct {
	Name, Addr string
	Cells      []cell
}

// cell is a verdict: a state, its mark, and what it was in the run before.
type cell struct {
	State, Mark, Class string
	Was, WasClass      string // mark of another state, "" where it is the same
	Words              string // for a pointer that rests on it
}

// marks of the states: what stands in a cell, so that colour is never alone.
var marks = map[probe.State]struct{ mark, class string }{
	probe.StateOpen: {"●", "open"}, probe.StateRefused: {"×", "refused"}, probe.StateFiltered: {"–", "filtered"},
	probe.StateUnfiltered: {"○", "unfiltered"}, probe.StateOpenFiltered: {"◐", "maybe"}, probe.StateUnknown: {"?", "unknown"},
}

// matrix is the verdicts of the last run that has any of a port, and the change
// from the one before it.
func (r *Report) matrix() *matrixView {
	ports, allPorts := r.matrixPorts()
	hosts, allHosts := r.matrixHosts()
	if len(ports) == 0 || len(hosts) == 0 {
		return nil
	}
	v := &matrixView{}
	for _, p := range ports {
		v.Columns = append(v.Columns, columnView{p, target.Service(p)})
	}
	states := map[probe.State]bool{}
	for _, a := range hosts {
		row := matrixRow{Name: r.name(a), Addr: a.String()}
		for _, p := range ports {
			c, state, known := r.cell(a, p)
			if known {
				states[state] = true
			}
			row.Cells = append(row.Cells, c)
		}
		v.Rows = append(v.Rows, row)
	}
	for _, s := range probe.States() {
		if states[s] {
			v.Keys = append(v.Keys, cell{State: s.String(), Mark: marks[s].mark, Class: marks[s].class})
			r.book.note(explain.State, s.String())
		}
	}
	if allHosts > len(hosts) {
		v.Omitted = append(v.Omitted, fmt.Sprintf("%d of %s hosts are shown, those with open ports first", len(hosts), units.Count(uint64(allHosts))))
	}
	if allPorts > len(ports) {
		v.Omitted = append(v.Omitted, fmt.Sprintf("%d of %s ports are shown: those that are open somewhere, or differ from most of their host", len(ports), units.Count(uint64(allPorts))))
	}
	return v
}

// cell is the verdict on a port and what it was before; known says whether there
// is one.
func (r *Report) cell(a netip.Addr, p uint16) (c cell, state probe.State, known bool) {
	for _, one := range slices.Backward(r.runs) {
		v, seen := one.verdict(a, p)
		switch {
		case !seen:
		case !known:
			state, known = v.state, true
			c = cell{State: v.state.String(), Mark: marks[v.state].mark, Class: marks[v.state].class}
			c.Words = fmt.Sprintf("%s port %d: %s (%s)", a, p, v.state, v.reason)
		default:
			if v.state != state {
				c.Was, c.WasClass = marks[v.state].mark, marks[v.state].class
				c.Words += fmt.Sprintf(", before: %s (%s)", v.state, v.reason)
			}
			return c, state, known
		}
	}
	return c, state, known
}

func (r *run) verdict(a netip.Addr, p uint16) (verdict, bool) {
	s := r.hosts[a]
	if s == nil {
		return verdict{}, false
	}
	v, ok := s.ports[p]
	return v, ok
}

// weight is how much a port has to tell.
type portWeight struct {
	open, unusual int // verdicts that are, or may be, open; and that are not what most of the host's are
	probed        int
}

// matrixPorts are the ports worth a column in their order, and how many there are.
// Where these are too many, those are not worth one that are as most of their host
// in every verdict.
func (r *Report) matrixPorts() (ports []uint16, all int) {
	weights := map[uint16]*portWeight{}
	for _, one := range r.runs {
		for _, s := range one.hosts {
			usual := s.usual()
			for p, v := range s.ports {
				w := weights[p]
				if w == nil {
					w = &portWeight{}
					weights[p] = w
				}
				w.add(v.state, usual)
			}
		}
	}
	ports = slices.Collect(maps.Keys(weights))
	all = len(ports)
	if all > mostColumns {
		ports = slices.DeleteFunc(ports, func(p uint16) bool { return weights[p].open+weights[p].unusual == 0 })
	}
	slices.SortFunc(ports, func(a, b uint16) int {
		x, y := weights[a], weights[b]
		return cmp.Or(cmp.Compare(y.open, x.open), cmp.Compare(y.unusual, x.unusual), cmp.Compare(y.probed, x.probed), cmp.Compare(a, b))
	})
	ports = ports[:min(len(ports), mostColumns)]
	slices.Sort(ports)
	return ports, all
}

func (w *portWeight) add(state, usual probe.State) {
	w.probed++
	if record.PossiblyOpen(state) {
		w.open++
	}
	if state != usual {
		w.unusual++
	}
}

// usual is the state that most of a host's ports are in.
func (s *sighting) usual() probe.State {
	usual := probe.StateUnknown
	for _, state := range probe.States() {
		if s.counts[state] > s.counts[usual] {
			usual = state
		}
	}
	return usual
}

// matrixHosts are the hosts worth a row in their order, and how many there are
// that were probed.
func (r *Report) matrixHosts() (hosts []netip.Addr, all int) {
	open := map[netip.Addr]int{}
	for _, a := range r.addresses() {
		probed := false
		for _, one := range r.runs {
			if s := one.hosts[a]; s != nil && len(s.ports) > 0 {
				probed = true
				open[a] += int(s.counts[probe.StateOpen])
			}
		}
		if probed {
			hosts = append(hosts, a)
		}
	}
	all = len(hosts)
	if all > mostRows {
		slices.SortStableFunc(hosts, func(a, b netip.Addr) int { return cmp.Compare(open[b], open[a]) })
		hosts = hosts[:mostRows]
		slices.SortFunc(hosts, netip.Addr.Compare)
	}
	return hosts, all
}

// name is what the user called an address; "" nothing.
func (r *Report) name(a netip.Addr) string {
	for _, one := range slices.Backward(r.runs) {
		if name := one.names[a]; name != "" {
			return strings.TrimSpace(units.Printable(name))
		}
	}
	return ""
}
