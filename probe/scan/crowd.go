package scan

import (
	"time"

	"synscope/probe"
	"synscope/probe/internal/limit"
	"synscope/probe/internal/wire"
)

// room tells whether a probe of a host may leave now, and if not, when that is worth
// looking again. A host that the last router has to resolve, and that has not
// answered, also waits for a place in its network; packets may follow the first for
// a moment, since the router remembers it meanwhile.
func (e *engine) room(h *host) (wake time.Duration, ok bool) {
	if h.heldUp() {
		return e.Now + limit.Look, false
	}
	if h.waits() {
		return e.Now + witnessLook, false
	}
	if limit := h.limiter(); !limit.room(e.Now) {
		return limit.opens() + limiterGathers, false
	}
	if !h.crowded || h.found.up {
		return 0, true
	}
	if h.placed && e.Now < h.entered+wire.Contact {
		return 0, true
	}
	if wake, h.placed = e.Crowds.Enter(h.addr, e.Now); h.placed {
		h.entered = e.Now
	}
	return wake, h.placed
}

// hear lets a host take note of an answer. One that is up needs no place any more, and
// keeps its router's for a while.
func (e *engine) hear(h *host, v *probe.Verdict) {
	was := h.found.up
	if h.hear(v); h.found.up && !was && h.placed {
		e.Crowds.Answered(h.addr, h.entered, e.Now)
	}
	if h.found.up && h.withheld() > 0 {
		e.release(h)
	}
}
