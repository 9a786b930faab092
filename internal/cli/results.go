package cli

import (
	"time"

	"synscope/internal/report"
	"synscope/internal/target"
	"synscope/probe"
)

// results passes what a scan finds to the outputs, under the names that the
// user typed.
type results struct {
	*display
	set        *target.Set
	expect     *probe.State
	tap        *tap  // nil where none was asked for
	unexpected int   // ports that are not what was expected
	broken     error // an output that takes no more
}

func (r *results) begin(run *report.Run) error { return r.write(run) }

// Port takes one verdict.
func (r *results) Port(v probe.Verdict) error {
	if r.expect != nil && v.State != *r.expect {
		r.unexpected++
	}
	r.tap.verdict(&v)
	return r.write(report.NewPort(r.set.Word(v.Target), &v))
}

// Host takes what was noticed about a host as a whole.
func (r *results) Host(h probe.HostReport) error {
	return r.write(report.NewHost(r.set.Name(h.Addr), &h, nil))
}

func (r *results) end(s *probe.Summary) error { return r.write(report.NewSummary(s, time.Now())) }

func (r *results) write(record report.Record) error {
	if err := r.Record(record); err != nil && r.broken == nil {
		r.broken = err
	}
	return r.broken
}
