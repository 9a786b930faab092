package record

import (
	"net/netip"
	"time"

	"synscope/probe/trace"
)

// Hop is one probe of one hop of a trace.
type Hop struct {
	Target   string
	Port     uint16
	TTL      int
	Query    int
	Addr     netip.Addr // invalid: nobody answered
	Name     string     // of Addr, "" unknown
	RTT      Maybe[time.Duration]
	Clock    string
	Doubt    string
	Kind     trace.HopKind
	ICMPType Maybe[uint8]
	ICMPCode Maybe[uint8]
	Changes  []trace.Change
}

// NewHop makes the record of a hop towards target, the word that the user
// typed. name is that of the responder, "" if it has none.
func NewHop(target string, port uint16, h *trace.Hop, name string) *Hop {
	r := &Hop{
		Target: target, Port: port, TTL: h.TTL, Query: h.Query, Addr: h.Addr, Name: name,
		Kind: h.Kind, Doubt: string(h.Doubt), Changes: h.Changes,
	}
	if h.RTT > 0 {
		r.RTT, r.Clock = Some(h.RTT), h.Clock.String()
	}
	if h.ICMP != nil {
		r.ICMPType, r.ICMPCode = Some(h.ICMP.Type), Some(h.ICMP.Code)
	}
	return r
}

// Type is "hop".
func (*Hop) Type() string { return "hop" }

// HopColumns are the fields of a hop record in their order, present or not.
func HopColumns() []string {
	return []string{
		"target", "port", "ttl", "query", "addr", "name", "rtt_ns", "rtt_clock", "doubt", "kind",
		"icmp_type", "icmp_code", "quote_changes",
	}
}

func (h *Hop) Fields(w FieldWriter) {
	w.Str("target", h.Target)
	w.Uint("port", uint64(h.Port))
	w.Uint("ttl", uint64(h.TTL))
	w.Uint("query", uint64(h.Query))
	addrField(w, "addr", h.Addr)
	strField(w, "name", h.Name)
	durationField(w, "rtt_ns", h.RTT)
	strField(w, "rtt_clock", h.Clock)
	strField(w, "doubt", h.Doubt)
	w.Str("kind", h.Kind.String())
	uintField(w, "icmp_type", h.ICMPType)
	uintField(w, "icmp_code", h.ICMPCode)
	if len(h.Changes) > 0 {
		w.Strs("quote_changes", h.ChangeWords())
	}
}

// ChangeWords names what was changed on the way, a word each.
func (h *Hop) ChangeWords() []string {
	words := make([]string, len(h.Changes))
	for i, c := range h.Changes {
		words[i] = c.String()
	}
	return words
}
