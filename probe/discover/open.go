package discover

import "synscope/probe/internal/wire"

// noteOpen keeps that a port is open, whether its host is decided by then or not: the run that probes
// it may find a host that answers nothing any more.
func (e *engine) noteOpen(h *host, ev *wire.Event) {
	a := wire.AsCarried(ev.Target.Addr(), ev.Link)
	if !e.earlier.Lacks(a, ev.Target.Port()) {
		return
	}
	v := wire.Judge(e.Matcher.Tech, ev.Target, ev)
	v.Time = ev.At
	if h != nil {
		if tx := h.transmission(ev); tx != nil && ev.Attempt <= h.round && !mayBeRepeated(ev, e.Now-tx.Sent) {
			v.RTT, v.Clock = tx.Elapsed(ev.At, e.Start.Add(tx.Sent), e.Now)
		}
	}
	e.earlier.Add(a, v)
}
