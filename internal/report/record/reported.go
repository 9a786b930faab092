package record

import (
	"iter"
	"maps"
	"slices"
	"time"
)

// Reported is a run that was made into a part of an HTML page: the record
// "report".
type Reported struct {
	File     string // that the run was read from
	Of       string // the run's command
	Start    time.Time
	Complete bool   // it was whole, and was not interrupted
	Records  uint64 // of the run
	Hosts    uint64
	Open     uint64            // ports
	Findings uint64            // more than information
	Unknown  map[string]uint64 // records of types that this version does not know, by type: they are left out
	Cut      string            // how it ended too early; "" whole
	Page     string            // the HTML file; "" standard output
}

// Type is "report".
func (*Reported) Type() string { return "report" }

func (r *Reported) Fields(w FieldWriter) {
	w.Str("file", r.File)
	w.Str("of", r.Of)
	momentField(w, "start", r.Start)
	w.Bool("complete", r.Complete)
	w.Uint("records", r.Records)
	w.Uint("hosts", r.Hosts)
	w.Uint("open", r.Open)
	w.Uint("findings", r.Findings)
	if len(r.Unknown) > 0 {
		w.Counts("unknown", sorted(r.Unknown))
	}
	strField(w, "cut", r.Cut)
	strField(w, "page", r.Page)
}

// sorted are counts in the order of their names.
func sorted(counts map[string]uint64) iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			if !yield(name, counts[name]) {
				return
			}
		}
	}
}
