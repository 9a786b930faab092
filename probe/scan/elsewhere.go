package scan

import (
	"net/netip"

	"synscope/craft"
	"synscope/probe/internal/wire"
)

// elsewhere are the answers that acknowledge exactly a SYN of ours and come from another
// address than it was sent to.
type elsewhere struct {
	hosts  map[netip.Addr]*host // in whose stead an address answers
	looked int                  // flights looked at in search of them
}

const (
	// mostLooked bounds the work that stray answers may cause in a run: 50 ns a flight.
	mostLooked = 1 << 20
	// mostElsewhere bounds how many are remembered.
	mostElsewhere = 1 << 12
)

// noteElsewhere tells whether an answer that nobody was asked for is one to another
// target. Its number proves it, so the half-open connection is closed as the kernel would.
func (e *engine) noteElsewhere(ev *wire.Event) bool {
	f := e.answeredElsewhere(ev)
	if f == nil || f.target().Addr().WithZone("") == ev.Seg.Src.Addr().WithZone("") {
		return false
	}
	f.outcome.NoteStray(wire.FromElsewhere(ev))
	if ev.Seg.Flags.Has(craft.SYN) {
		e.Responses.Add(wire.CloseAfter(ev), e.Now)
	}
	return true
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
	for id := range e.flights.index.all() {
		f := e.flights.at(id)
		if !e.acknowledges(s, f) {
			continue
		}
		if e.elsewhere.hosts == nil {
			e.elsewhere.hosts = map[netip.Addr]*host{}
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
