package record

import (
	"net/netip"
	"time"

	"synscope/probe/why"
)

// Diagnosis is what was found out about a port that does not answer, or only
// sometimes.
type Diagnosis struct {
	Target string
	Addr   netip.Addr // the first of its addresses
	Port   uint16
	*why.Diagnosis
}

// NewDiagnosis makes the record of a diagnosis of target, the word that the user typed.
func NewDiagnosis(target string, d *why.Diagnosis) *Diagnosis {
	r := &Diagnosis{Target: target, Diagnosis: d}
	if len(d.Addrs) > 0 {
		r.Addr, r.Port = d.Addrs[0].Addr(), d.Addrs[0].Port()
	}
	return r
}

// Type is "diagnosis".
func (*Diagnosis) Type() string { return "diagnosis" }

// DiagnosisColumns are the fields of a diagnosis in a table: the most probable cause
// stands for all.
func DiagnosisColumns() []string {
	return []string{"target", "addr", "port", "healthy", "code", "probability", "where", "text", "syns", "failed", "loss", "most_failing", "p50_ns", "packets", "took_ns"}
}

func (d *Diagnosis) Fields(w FieldWriter) {
	w.Str("target", d.Target)
	addrField(w, "addr", d.Addr)
	w.Uint("port", uint64(d.Port))
	w.Bool("healthy", d.Healthy)
	w.Bool("complete", d.Complete)
	top := d.Causes[0]
	w.Str("code", string(top.Code))
	w.Float("probability", top.Probability)
	strField(w, "where", top.Where)
	w.Str("text", top.Text)
	w.Objects("causes", len(d.Causes), func(w FieldWriter, i int) { causeFields(w, &d.Causes[i]) })
	w.Objects("excluded", len(d.Excluded), func(w FieldWriter, i int) {
		w.Str("code", string(d.Excluded[i].Code))
		w.Str("by", d.Excluded[i].By)
	})
	w.Objects("experiments", len(d.Experiments), func(w FieldWriter, i int) {
		e := &d.Experiments[i]
		w.Str("name", e.Name)
		w.Uint("packets", uint64(e.Packets))
		w.Nanoseconds("took_ns", e.Took)
		w.Str("outcome", e.Outcome)
	})
	w.Objects("untried", len(d.Untried), func(w FieldWriter, i int) {
		u := &d.Untried[i]
		w.Str("name", u.Name)
		w.Uint("packets", uint64(u.Packets))
		w.Nanoseconds("took_ns", u.Took)
		w.Str("separates", u.Separates)
	})
	d.measureFields(w)
	w.Uint("packets", uint64(d.Packets))
	w.Nanoseconds("took_ns", d.Took)
}

func causeFields(w FieldWriter, f *why.Found) {
	w.Str("code", string(f.Code))
	w.Float("probability", f.Probability)
	strField(w, "where", f.Where)
	w.Str("text", f.Text)
	w.Strs("evidence", f.Evidence)
	w.Str("advice", f.Advice)
	w.Strs("shown_again_by", f.Commands)
}

// measureFields are what was measured on the way.
func (d *Diagnosis) measureFields(w FieldWriter) {
	if d.SYNs > 0 {
		w.Uint("syns", uint64(d.SYNs))
		w.Uint("failed", uint64(d.Failed))
		w.Float("loss", float64(d.Failed)/float64(d.SYNs))
		w.Float("most_failing", d.MostFailing)
	}
	durationField(w, "min_ns", d.rtt(0))
	durationField(w, "p50_ns", d.rtt(0.5))
	durationField(w, "p90_ns", d.rtt(0.9))
	durationField(w, "p99_ns", d.rtt(0.99))
	durationField(w, "max_ns", d.rtt(1))
}

// rtt is a quantile of the round trips, absent where there were none.
func (d *Diagnosis) rtt(q float64) Maybe[time.Duration] {
	if len(d.RTT) == 0 {
		return Maybe[time.Duration]{}
	}
	return Some(d.RTT[int(q*float64(len(d.RTT)-1)+0.5)])
}

// Median is the median round trip, absent where there was none.
func (d *Diagnosis) Median() Maybe[time.Duration] { return d.rtt(0.5) }
