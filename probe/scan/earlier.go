package scan

import (
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// A port that has answered the search for hosts by a SYN-ACK is open, whatever its host answers now: once the
// first ports are probed, something may begin to drop all. It is probed like any, and where that
// is in vain, what the search saw is its verdict. It is a witness too: what is silent beside it then, is so
// for a silence of the host.

// recall takes over what a search has learnt of a host that is met.
func (e *engine) recall(h *host) {
	if open := e.cfg.Earlier.Open(h.key()); len(open) > 0 && h.witness == 0 && e.cfg.Technique.Opens() {
		h.witness = open[0].Target.Port()
		e.answering++
	}
}

// openBefore is the verdict on a port that was open in an earlier run, nil of others.
func (e *engine) openBefore(h *host, port uint16) *probe.Verdict {
	if !e.cfg.Technique.Opens() {
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
