package scan

import (
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// A port that answered the search for hosts by a SYN-ACK is open, even if its host has begun to
// drop everything once the ports are probed. It is probed like any other; if that fails, what the
// search saw is its verdict. It is also a witness: while it keeps silent, silent ports beside it
// prove nothing, since the whole host may be silent.

// recall takes over what a search has learnt of a host that is met.
func (e *engine) recall(h *host) {
	open := e.cfg.Earlier.Open(h.key())
	if len(open) == 0 || !e.cfg.Technique.Opens() {
		return
	}
	h.wasOpen = true
	if h.witness == 0 {
		h.witness = open[0].Target.Port()
		e.answering++
	}
}

// openBefore is the verdict on a port that was open in an earlier run, nil of others.
func (e *engine) openBefore(h *host, port uint16) *probe.Verdict {
	if !h.wasOpen {
		return nil
	}
	for _, v := range e.cfg.Earlier.Open(h.key()) {
		if v.Target.Port() == port {
			return &v
		}
	}
	return nil
}

// answeredBefore takes in an answer to an earlier run.
func (e *engine) answeredBefore(ev *wire.Event) {
	if ev.Kind != wire.KindSYNACK {
		return
	}
	e.Responses.Add(wire.CloseAfter(ev), e.Now)
	if a := wire.AsCarried(ev.Target.Addr(), ev.Link); e.cfg.Earlier.Lacks(a, ev.Target.Port()) {
		v := wire.Judge(e.Matcher.Before.Tech, ev.Target, ev)
		v.Time = ev.At
		e.cfg.Earlier.Add(a, v)
	}
	h := e.hosts.find(ev.Target.Addr(), ev.Link)
	if h == nil {
		return
	}
	e.recall(h)
	if id, f := e.flights.find(h, ev.Target.Port()); f != nil && f.untold {
		e.finish(id)
	}
}
