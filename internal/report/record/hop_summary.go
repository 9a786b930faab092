package record

import (
	"net/netip"
	"time"

	"synscope/probe/rtt"
	"synscope/probe/trace"
)

// HopSummary is all probes of one hop of a watch.
type HopSummary struct {
	Target string
	Port   uint16
	TTL    int
	Addr   netip.Addr // who answered last; invalid: nobody ever did
	Name   string     // of Addr, "" unknown
	Others []netip.Addr
	Kind   trace.HopKind // of the last answer
	Last   time.Duration // 0: the last probe gave no time
	Clock  string        // of the times; "" where there are none
	// Limited: a hop behind it loses less, so what it does not answer passes it all the
	// same. Routers send few errors a second (RFC 1812 §4.3.2.8).
	Limited bool
	rtt.Summary
	Recent []Beat // the last rounds, the oldest first, for text
}

// Beat is what one round gave of a hop.
type Beat struct {
	RTT  time.Duration // 0: no time
	Lost bool
}

// Type is "hop_summary".
func (*HopSummary) Type() string { return "hop_summary" }

// Fields names all fields that are present.
func (h *HopSummary) Fields(w FieldWriter) {
	w.Str("target", h.Target)
	w.Uint("port", uint64(h.Port))
	w.Uint("ttl", uint64(h.TTL))
	addrField(w, "addr", h.Addr)
	strField(w, "name", h.Name)
	if len(h.Others) > 0 {
		words := make([]string, len(h.Others))
		for i, a := range h.Others {
			words[i] = a.String()
		}
		w.Strs("others", words)
	}
	w.Str("kind", h.Kind.String())
	w.Uint("sent", h.Sent)
	w.Uint("received", h.Received)
	w.Uint("lost", h.Lost)
	if h.Sent > 0 {
		w.Float("loss", h.Loss)
	}
	if h.Limited {
		w.Bool("limited", true)
	}
	if h.Last > 0 {
		w.Nanoseconds("last_ns", h.Last)
	}
	if h.Measured == 0 {
		return
	}
	w.Nanoseconds("min_ns", h.Min)
	w.Nanoseconds("mean_ns", h.Mean)
	w.Nanoseconds("p50_ns", h.P50)
	w.Nanoseconds("p95_ns", h.P95)
	w.Nanoseconds("max_ns", h.Max)
	if h.Measured > 1 {
		w.Nanoseconds("stddev_ns", h.StdDev)
		w.Nanoseconds("jitter_ns", h.Jitter)
	}
	w.Str("rtt_clock", h.Clock)
}
