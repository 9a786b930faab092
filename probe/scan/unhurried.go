package scan

import "time"

// fewSleepers is for how many hosts it is checked whether all of them wait for their limits.
const fewSleepers = 64

// limitsOpen is when the first limit opens, if hosts that wait for their limits are all that is
// left; ok is false otherwise. Until then neither an arrival nor a timeout lets anything be sent,
// so the engine need not wake up for each of them.
func (e *engine) limitsOpen() (at time.Duration, ok bool) {
	r := &e.ready
	if e.Hungry || e.Stopping || len(r.hosts) > 0 || len(r.sleepers) > fewSleepers || e.roomForMore() ||
		len(e.search.echoes) > 0 || e.limits.pending() || e.Responses.Waiting() > 0 {
		return 0, false
	}
	flights := 0
	for _, s := range r.sleepers {
		if !s.held(e.Now) {
			return 0, false
		}
		flights += int(s.flights)
	}
	at, ok = r.wakeUp()
	return at, ok && flights == e.flights.live
}

// held tells whether its limit is all that keeps probes of the host back.
func (h *host) held(now time.Duration) bool {
	limit := h.limiter()
	return limit != nil && limit.rate > 0 && limit.shut <= now && h.pending.n > 0 &&
		(h.watch == nil || h.watch.since == 0) && (!h.crowded || h.found.up)
}
