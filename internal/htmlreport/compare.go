package htmlreport

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"synscope/internal/report/units"
	"synscope/probe"
)

// mostCompared is how many differences a page has room for.
const mostCompared = 1_000

// comparedView is what differs between the runs.
type comparedView struct {
	Runs, TripRuns []string // that are compared, a column each
	Rows           []comparedRow
	Trips          []comparedRow
	Omitted        string
	Same           string // how many are alike
}

type comparedRow struct {
	Where, What string
	Cells       []comparedCell
}

type comparedCell struct{ Words, Class string }

// compared is nil where there is one run alone.
func (r *Report) compared() *comparedView {
	if !r.alike() {
		return nil
	}
	v := &comparedView{Trips: r.comparedTrips()}
	v.TripRuns = r.askedOf(v.Trips)
	same, more, rows := 0, 0, []comparedRow{}
	add := func(changed []comparedRow) {
		shown := min(len(changed), mostCompared-len(rows))
		rows, more = append(rows, changed[:shown]...), more+len(changed)-shown
	}
	for _, a := range r.addresses() {
		changed, alike := r.comparedPorts(a)
		add(changed)
		same += alike
	}
	add(r.comparedClasses())
	if more > 0 {
		v.Omitted = units.CountOf(uint64(more), "more difference") + plural(more, " is", " are") + " not shown."
	}
	v.Rows = rows
	v.Runs = r.askedOf(rows)
	if same > 0 {
		v.Same = units.Plural(uint64(same), "port is", "ports are") + " in the same state in every run that asked."
	}
	if len(v.Rows) == 0 && len(v.Trips) == 0 && same == 0 {
		return nil
	}
	return v
}

// askedOf leaves only the runs in rows that some row knows something of, and names
// them.
func (r *Report) askedOf(rows []comparedRow) (names []string) {
	var kept []int
	for i, one := range r.runs {
		if slices.ContainsFunc(rows, func(row comparedRow) bool { return row.Cells[i].Words != "" }) {
			kept, names = append(kept, i), append(names, one.short())
		}
	}
	for k := range rows {
		cells := make([]comparedCell, len(kept))
		for n, i := range kept {
			cells[n] = rows[k].Cells[i]
		}
		rows[k].Cells = cells
	}
	return names
}

// alike tells whether two runs are of one command, so that they can differ.
func (r *Report) alike() bool {
	commands := map[string]bool{}
	for _, one := range r.runs {
		if commands[one.head.Command] {
			return true
		}
		commands[one.head.Command] = true
	}
	return false
}

// comparedPorts are the ports of a host whose states differ, and how many do not.
func (r *Report) comparedPorts(a netip.Addr) (rows []comparedRow, same int) {
	ports := map[uint16]bool{}
	for _, one := range r.runs {
		if s := one.hosts[a]; s != nil {
			for p := range s.ports {
				ports[p] = true
			}
		}
	}
	name := a.String()
	if n := r.name(a); n != "" {
		name = n + " (" + name + ")"
	}
	for _, p := range slices.Sorted(maps.Keys(ports)) {
		row := comparedRow{Where: name, What: "port " + portWord(p)}
		states := map[probe.State]bool{}
		seen := 0
		for _, one := range r.runs {
			v, known := one.verdict(a, p)
			if !known {
				row.Cells = append(row.Cells, comparedCell{})
				continue
			}
			seen++
			states[v.state] = true
			row.Cells = append(row.Cells, comparedCell{v.state.String(), marks[v.state].class})
		}
		switch {
		case len(states) > 1:
			rows = append(rows, row)
		case seen > 1:
			same++
		}
	}
	return rows, same
}

// comparedClasses are the places whose sequence numbers are of another class.
func (r *Report) comparedClasses() (rows []comparedRow) {
	places := map[string][]string{} // of each the classes by run
	for i, one := range r.runs {
		for _, n := range one.numbers.order {
			name := n.place.String()
			if places[name] == nil {
				places[name] = make([]string, len(r.runs))
			}
			if n.result != nil && places[name][i] == "" {
				places[name][i] = n.result.Class
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(places)) {
		row := comparedRow{Where: name, What: "sequence numbers"}
		classes := map[string]bool{}
		for _, word := range places[name] {
			if word != "" {
				classes[word] = true
			}
			row.Cells = append(row.Cells, comparedCell{Words: word})
		}
		if len(classes) > 1 {
			rows = append(rows, row)
		}
	}
	return rows
}

// short names a run in a few words: its command and when it began.
func (r *run) short() string {
	return strings.TrimSpace(cmp.Or(units.Shortened(r.head.Command, 12), "run") + " " + r.clock())
}

func (r *run) clock() string {
	if r.head.Start.IsZero() {
		return "#" + units.Count(uint64(r.number+1))
	}
	return r.head.Start.UTC().Format("2 Jan 15:04:05")
}
