package scan

import (
	"time"

	"synscope/probe/internal/wire"
)

// room tells whether a probe of a host may leave now, and if not, when that is worth
// looking again. A host that the last router has to resolve, and that has not
// answered, also waits for a slot in its network; packets may follow the first for
// a moment, since the router remembers it meanwhile.
func (e *engine) room(h *host) (wake time.Duration, ok bool) {
	if h.waits() {
		return e.Now + witnessLook, false
	}
	if !h.limiter.room(e.Now) {
		return h.due, false
	}
	if !h.crowded || h.found.up {
		return 0, true
	}
	if h.slot == 0 || h.contact != 0 && e.Now > h.contact+wire.Contact {
		h.slot, h.contact = e.Crowds.Slot(h.addr, e.Now), 0
	}
	return h.slot, e.Now >= h.slot
}

// reaches notes that a probe of a host leaves.
func (h *host) reaches(now time.Duration) {
	if h.crowded && h.contact == 0 {
		h.contact = max(now, 1)
	}
}
