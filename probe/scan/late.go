package scan

import "time"

// Some answers of a host may take longer than a second while others are quick: a slow firewall
// refuses or forwards when it gets round to it. So a silent port is not believed silent while other
// ports of its host are still waited for; if one of them answers late, the others get as much time
// as that took. This costs no time, since the run does not end before.

const (
	// longestStay is how long after its first transmission a port is believed silent although others
	// of its host are waited for.
	longestStay = 3 * time.Second
	// leastStay is how long the first of its silent ports are waited for in any case, however near the
	// others are: what is late by the second after which much is given up, or retransmitted, comes by then.
	leastStay = 1250 * time.Millisecond
)

// stays are the silent probes of a host whose verdicts wait for those of others.
type stays struct {
	tickets []ticket
	n       int32         // how many they are
	first   time.Duration // when the first of them left
}

// include takes note of when one of them left.
func (s *stays) include(sent time.Duration) {
	if s.n == 0 || sent < s.first {
		s.first = sent
	}
}

// due is until when they wait where nothing else does.
func (s *stays) due() time.Duration { return s.first + leastStay }

// stays lets the verdict on a silent port wait for those of the other ports of its host, and tells
// whether it does.
func (e *engine) stays(id uint32, f *flight) bool {
	if f.host.several == nil || !e.mayStay(f) {
		return false
	}
	s, sent := &f.host.several.stays, f.tx[0].Sent
	s.include(sent)
	until := sent + longestStay
	alone := f.host.busy()-s.n <= 1
	if alone {
		until = s.due()
	}
	if until <= e.Now || alone && f.stayed {
		return false
	}
	f.stays, f.stayed = true, true
	s.n++
	e.flights.expectBy(id, until)
	s.tickets = append(s.tickets, e.flights.ticket(id))
	return true
}

// mayStay tells whether a late answer to a probe would tell of others. How long a run may wait
// at most is its caller's to say.
func (e *engine) mayStay(f *flight) bool {
	return f.host.Known() && f.outcome.Best == nil && !f.watches && !f.canary && !f.rechecks &&
		!e.Stopping && e.cfg.MostTimeout > e.cfg.Timeout && e.flights.live < maxFlights/2
}

// moves takes note that a probe waits for no other any more.
func (f *flight) moves() {
	if f.stays {
		f.stays = false
		f.host.several.stays.n--
	}
}

// endStay has the verdicts that wait come once their host has no other probe.
func (e *engine) endStay(h *host) {
	if h.several == nil {
		return
	}
	s := &h.several.stays
	if len(s.tickets) == 0 || h.busy() > s.n {
		return
	}
	for _, t := range s.tickets {
		if f := e.flights.at(t.id); e.flights.holds(t) && f.phase == phaseFlying {
			e.flights.expectBy(t.id, max(e.Now, s.due()))
		}
	}
	s.tickets = nil
}
