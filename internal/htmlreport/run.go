package htmlreport

import (
	"encoding/json"
	"maps"
	"net/netip"
	"reflect"
	"slices"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/probe"
)

// run is what one run found.
type run struct {
	file    string
	number  int // among the runs of the report
	head    record.Run
	summary *summaryRecord
	cut     string // how it ended too early; "" whole
	alone   bool   // records that are no run, and have no summary

	records     uint64
	hosts       map[netip.Addr]*sighting
	names       map[netip.Addr]string
	omitted     uint64 // verdicts that there was no room for
	trips       tripBook
	ladders     ladderBook
	numbers     numberBook
	paths       pathBook
	diagnoses   []*diagnosisRecord
	checks      []*checkRecord
	changes     []*changeRecord
	groups      []*groupRecord
	abilities   []*record.Capability
	comparisons []*comparisonRecord
	found       []foundAt
	left        map[string]uint64 // what there is no room for, by what it is
	trimmed     uint64            // texts and lists that there was no room for as a whole
	store       *store            // of all runs
	size        int               // bytes of the present line
	unknown     map[string]uint64 // records of types that this version does not know
}

func newRun(file string, number int, store *store) *run {
	return &run{file: file, number: number, records: 1, hosts: map[netip.Addr]*sighting{}, names: map[netip.Addr]string{},
		left: map[string]uint64{}, unknown: map[string]uint64{}, store: store}
}

// How much of a run is kept of what comes in lists.
const (
	mostChecks  = 20_000
	mostListed  = 2_000 // changes, groups, diagnoses and the like
	mostUnknown = 40    // types of records that are counted each by itself
	otherTypes  = "(others)"
)

// take decodes a record by its type and puts it where it belongs.
func (r *run) take(kind string, line []byte) error {
	r.records++
	r.size = len(line)
	switch kind {
	case "summary":
		return decoded(r, line, func(s *summaryRecord) { r.summary = s })
	case "host":
		return decoded(r, line, r.takeHost)
	case "port":
		return decoded(r, line, r.takePort)
	case "rtt":
		return decoded(r, line, r.takeRTT)
	case "rtt_summary":
		return keeping(r, line, r.trips.summarise)
	case "outage":
		return decoded(r, line, r.trips.takeOutage)
	case "segment":
		return keeping(r, line, r.ladders.takeSegment)
	case "handshake":
		return decoded(r, line, r.takeHandshake)
	case "isn_sample":
		return keeping(r, line, r.numbers.takeSample)
	case "isn":
		return decoded(r, line, r.takeISN)
	case "hop":
		return decoded(r, line, r.paths.takeHop)
	case "hop_summary":
		return keeping(r, line, r.paths.takeSummary)
	case "path":
		return keeping(r, line, r.takePaths)
	}
	return r.takeListed(kind, line)
}

// takeListed takes a record that is shown in a list of its kind.
func (r *run) takeListed(kind string, line []byte) error {
	switch kind {
	case "rtt_comparison":
		return keep(r, &r.comparisons, mostListed, kind, line)
	case "diagnosis":
		return keep(r, &r.diagnoses, mostListed, kind, line)
	case "check":
		return keep(r, &r.checks, mostChecks, kind, line)
	case "change":
		return keep(r, &r.changes, mostListed, kind, line)
	case "group":
		return keep(r, &r.groups, mostListed, kind, line)
	case "capability":
		return keep(r, &r.abilities, mostListed, kind, line)
	case "shard", "explanation", "report", "planned", "schema":
		return nil
	}
	if kind = units.Shortened(kind, 40); r.unknown[kind] == 0 && len(r.unknown) >= mostUnknown {
		kind = otherTypes // counted all the same
	}
	r.unknown[kind]++
	return nil
}

// decoded hands a record on, without what no page has room for.
func decoded[T any](r *run, line []byte, take func(*T)) error {
	one := new(T)
	if err := json.Unmarshal(line, one); err != nil {
		return record.Fault(line, one, err)
	}
	if len(line) > longLine {
		r.trimmed += trim(reflect.ValueOf(one))
	}
	take(one)
	return nil
}

// keeping hands on a record that is kept as it is, or counts it where memory is full.
func keeping[T any](r *run, line []byte, take func(*T)) error {
	return decoded(r, line, func(one *T) {
		if r.keeps() {
			take(one)
		}
	})
}

// keeps tells whether there is room for the present record as it is, and counts it as
// left out where there is none.
func (r *run) keeps() bool {
	if r.store.keeps(r.size) {
		return true
	}
	r.left["records' details"]++
	return false
}

// keep puts a record into its list, or counts it where the list is full.
func keep[T any](r *run, list *[]*T, most int, kind string, line []byte) error {
	return decoded(r, line, func(one *T) {
		if len(*list) == most || !r.store.keeps(r.size) {
			r.left[kind+" records"]++
			return
		}
		*list = append(*list, one)
	})
}

// foundAt is a finding and what it was found at.
type foundAt struct {
	at place
	probe.Finding
}

func (r *run) takeFindings(at place, list []probe.Finding) {
	for i, f := range list {
		if !has(&r.store.findings, mostFindings) || i == 0 && !r.store.keeps(r.size) {
			r.left["findings"] += uint64(len(list) - i)
			return
		}
		r.found = append(r.found, foundAt{at, f})
	}
}

// addresses are the hosts of all runs, in their order.
func (r *Report) addresses() []netip.Addr {
	all := map[netip.Addr]bool{}
	for _, one := range r.runs {
		for a := range one.hosts {
			all[a] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), netip.Addr.Compare)
}
