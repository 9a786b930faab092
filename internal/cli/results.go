package cli

import (
	"cmp"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"synscope/internal/oui"
	"synscope/internal/report/record"
	"synscope/internal/target"
	"synscope/probe"
)

// results passes what a scan finds to the outputs, under the names that the
// user typed.
type results struct {
	*session
	set        *target.Set
	expect     *probe.State
	unexpected int    // ports that are not what was expected
	unlike     string // what was found instead, of the first of them
	unlikeAt   netip.AddrPort
	broken     error       // an output that takes no more
	search     *hostSearch // what was found before ports were probed, nil where nobody looked
	leftOut    int         // addresses that were not probed, and were expected to be otherwise
	hostsOnly  bool
	port       *record.Port // the last record, to be filled anew where no output keeps it
}

// answer is the exit code of a scan that came to its end.
func (r *results) answer(d *display) error {
	if r.unexpected+r.leftOut == 0 {
		return nil
	}
	d.remark(r.complaint())
	return errNo
}

// complaint says in one line what was expected and what was found.
func (r *results) complaint() string {
	switch {
	case r.unlike == "" && r.unexpected > 0:
		return fmt.Sprintf("expected %s, found %d ports that are not", *r.expect, r.unexpected)
	case r.unlike == "":
		return fmt.Sprintf("expected %s, found %d addresses that are not there", *r.expect, r.leftOut)
	case r.unexpected+r.leftOut > 1:
		return fmt.Sprintf("%s, and %d more that are not", r.unlike, r.unexpected+r.leftOut-1)
	}
	return r.unlike
}

// Port takes one verdict.
func (r *results) Port(v probe.Verdict) error {
	if r.expect != nil {
		r.compare(&v)
	}
	r.tap.verdict(&v)
	if r.port == nil || !r.PassesPorts() {
		r.port = new(record.Port)
	}
	r.port.Fill(r.set.Word(v.Target), &v)
	return r.write(r.port)
}

// compare compares a verdict with what is expected; it replaces an earlier one on the same port.
func (r *results) compare(v *probe.Verdict) {
	if v.Supersedes != probe.StateUnknown && v.Supersedes != *r.expect {
		r.unexpected--
		if r.unlikeAt == v.Target {
			r.unlike = ""
		}
	}
	if v.State == *r.expect {
		return
	}
	r.unexpected++
	if r.unlike == "" {
		r.unlike, r.unlikeAt = unexpected(v.Target, *r.expect, v.State, v.Reason), v.Target
	}
}

// Host takes what was found out about a host as a whole.
func (r *results) Host(h probe.HostReport) error {
	r.search.merge(&h)
	return r.writeHost(&h)
}

func (r *results) writeHost(h *probe.HostReport) error {
	return r.write(record.NewHost(r.set.Name(h.Addr), h, vendors().Vendor))
}

// end closes the record of a run, after the hosts that no port's verdict came of,
// and returns how the run ended.
func (r *results) end(s *probe.Summary, err error) error {
	if r.search != nil {
		for _, h := range r.search.rest() {
			r.writeHost(&h)
		}
		r.search.add(s, r.hostsOnly)
		r.search.settle(s)
	}
	err = settled(s, err)
	closing := record.NewSummary(s, time.Now())
	if r.search != nil {
		r.search.tell(closing)
	}
	return cmp.Or(err, r.write(closing))
}

// vendors are those that this machine knows; the registries are read once.
var vendors = sync.OnceValue(func() *oui.Table { return oui.New(oui.Directories()...) })

func (r *results) write(one record.Record) error {
	if err := r.Record(one); err != nil && r.broken == nil {
		r.broken = err
	}
	return r.broken
}
