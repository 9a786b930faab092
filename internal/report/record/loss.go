package record

import (
	"net/netip"

	"synscope/probe/loss"
)

// Outage is a time in which a target of a ping answered nothing, told when it is
// over, or at the end of the run where it lasts. A summary has all of them again.
type Outage struct {
	Target string
	Addr   netip.Addr
	Port   uint16
	Window loss.Window
}

// Type is "outage".
func (*Outage) Type() string { return "outage" }

func (o *Outage) Fields(w FieldWriter) {
	w.Str("target", o.Target)
	w.Addr("addr", o.Addr)
	w.Uint("port", uint64(o.Port))
	windowFields(w, &o.Window)
}

// windowFields write a window: "to" is absent while it lasts.
func windowFields(w FieldWriter, window *loss.Window) {
	w.Time("from", window.From)
	w.Time("last", window.Last)
	momentField(w, "to", window.To)
	w.Uint("probes", window.Probes)
	if window.Unsent > 0 {
		w.Uint("unsent", window.Unsent)
	}
	if window.Absent > 0 {
		w.Uint("absent", window.Absent)
	}
}

// Losses are when the probes of a target were lost, and where those cluster that
// were lost otherwise.
type Losses struct {
	Windows  []loss.Window // of very many the latest
	Told     uint64        // how many there were
	Clusters []loss.Cluster
}

func (l *Losses) fields(w FieldWriter) {
	if len(l.Windows) > 0 {
		w.Uint("outages", l.Told)
		w.Objects("outage_windows", len(l.Windows), func(w FieldWriter, i int) { windowFields(w, &l.Windows[i]) })
	}
	if len(l.Clusters) > 0 {
		w.Objects("loss_clusters", len(l.Clusters), func(w FieldWriter, i int) { clusterFields(w, &l.Clusters[i]) })
	}
}

func clusterFields(w FieldWriter, c *loss.Cluster) {
	w.Str("by", string(c.By))
	switch c.By {
	case loss.ByPort:
		w.Uint("sport", uint64(c.Port))
	case loss.ByParity:
		w.Bool("even", c.Even)
	case loss.ByTime:
		w.Time("from", c.From)
		w.Time("to", c.To)
	case loss.ByMinute:
		w.Uint("second", uint64(c.Second))
	case loss.ByBurst:
		w.Uint("runs", c.Runs)
		w.Uint("longest", c.Longest)
	}
	w.Uint("sent", c.Sent)
	w.Uint("lost", c.Lost)
	if c.By != loss.ByBurst {
		w.Uint("elsewhere_sent", c.ElsewhereSent)
		w.Uint("elsewhere_lost", c.ElsewhereLost)
	}
	w.Float("p", c.P)
}
