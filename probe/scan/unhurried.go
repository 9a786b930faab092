package scan

import "time"

// fewSleepers is of how many hosts it is asked whether all of them wait for their limits.
const fewSleepers = 64

// limitsOpen is when the first of the limits opens that all of the run waits for; ok is
// false where it waits for anything else. Nothing that arrives before, and no probe whose
// time is up, lets anything be sent, so that each probe need not be woken up for thrice:
// when it may leave, when its answer comes, and when that of another does not.
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
