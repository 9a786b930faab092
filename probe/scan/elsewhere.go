package scan

import (
	"net/netip"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// elsewhere are the answers that acknowledge exactly a SYN of ours and come from another
// address than it was sent to.
type elsewhere struct {
	from   map[uint64]netip.AddrPort // by the key of the flight that was answered
	hosts  map[netip.Addr]*host      // in whose stead an address answers
	looked int                       // flights looked at in search of them
}

const (
	// mostLooked bounds the work that stray answers may cause in a run: 50 ns a flight.
	mostLooked = 1 << 20
	// mostElsewhere bounds how many are remembered.
	mostElsewhere = 1 << 12
)

// noteElsewhere finds out whether an answer that nobody was asked for is one to another
// target. Its number proves it, so the half-open connection is closed as the kernel would.
func (e *engine) noteElsewhere(ev *wire.Event) {
	if !ev.Strange() || !e.cfg.Technique.Opens() {
		return
	}
	f := e.answeredElsewhere(ev)
	if f == nil || f.target().Addr().WithZone("") == ev.Seg.Src.Addr().WithZone("") {
		return
	}
	ev.Elsewhere()
	if !ev.Seg.Flags.Has(craft.SYN) || len(e.elsewhere.from) >= mostElsewhere {
		return
	}
	e.elsewhere.from[flightKey(f.host, f.port)] = ev.Seg.Src
	e.Responses.Add(wire.CloseAfter(ev), e.Now)
}

// answeredElsewhere is the flight that an answer acknowledges, nil if there is none.
func (e *engine) answeredElsewhere(ev *wire.Event) *flight {
	s := &ev.Seg
	if h := e.elsewhere.hosts[s.Src.Addr()]; h != nil {
		if _, f := e.flights.find(h, s.Src.Port()); f != nil && e.acknowledges(s, f) {
			return f
		}
	}
	if e.elsewhere.looked += e.flights.live; e.elsewhere.looked > mostLooked {
		return nil
	}
	for _, id := range e.flights.index {
		f := e.flights.at(id)
		if !e.acknowledges(s, f) {
			continue
		}
		if e.elsewhere.hosts == nil {
			e.elsewhere.hosts, e.elsewhere.from = map[netip.Addr]*host{}, map[uint64]netip.AddrPort{}
		}
		if len(e.elsewhere.hosts) < mostElsewhere {
			e.elsewhere.hosts[s.Src.Addr()] = f.host
		}
		return f
	}
	return nil
}

// acknowledges tells whether a segment acknowledges a transmission of a flight.
func (e *engine) acknowledges(s *craft.Segment, f *flight) bool {
	for attempt := range f.tx {
		if e.Matcher.Port(attempt) == s.Dst.Port() && e.Matcher.Cookie.Numbers(s.Dst, f.target(), attempt).Seq.Add(1) == s.Ack {
			return true
		}
	}
	return false
}

// annotate tells on a port that somebody else accepted what was sent to it.
func (x *elsewhere) annotate(f *flight, v *probe.Verdict) {
	key := flightKey(f.host, f.port)
	if from, ok := x.from[key]; ok {
		delete(x.from, key)
		if v.Reason == probe.ReasonNoResponse {
			v.Findings = append(v.Findings, wire.FromElsewhere(from))
		}
	}
}
