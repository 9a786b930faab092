package scan

import (
	"slices"
	"time"

	"synscope/probe/internal/wire"
)

// enoughTimes is how many ports of a host have to answer before their times tell how
// long its answers take: one or a few may be forged.
const enoughTimes = 32

// enoughAccepts is how many SYN-ACKs have to come until they tell how much the times of a
// host's SYN-ACKs vary. Resets do not: they may be those of a machine that is nearer.
const enoughAccepts = 8

// usual is how long the answers of a host take, 0 while too few have come to say. One
// SYN-ACK is enough: it is what whoever refuses in the host's name has to be ahead of.
func (h *host) usual() time.Duration {
	switch least := h.Least(); {
	case h.timed >= enoughTimes && least > 0:
		return max(least, h.Timeout())
	case h.timed >= enoughTimes:
		return h.SRTT
	case least > 0:
		return max(least, h.SRTT)
	}
	return 0
}

// grace is how long a refusal that took so long waits for something better; rank: of the refusal.
func (h *host) grace(took time.Duration, rank wire.Rank, limit time.Duration) time.Duration {
	if s := h.several; s != nil && s.accepting.N >= enoughAccepts {
		return wire.GraceOf(took, max(h.Least(), s.accepting.Timeout()), limit)
	}
	return wire.Grace(rank, took, h.usual(), limit)
}

// early is a probe that was answered before it was known how long the answers of its
// host take.
type early struct {
	ticket
	at, took time.Duration // when it was answered, and after how long
}

// settle lets the answer to a probe wait for something better.
func (e *engine) settle(id uint32, f *flight, took time.Duration) {
	h := f.host
	f.phase = phaseSettled
	e.flights.expectBy(id, e.Now+h.grace(took, f.outcome.Rank, e.cfg.Timeout))
	switch {
	case h.usual() != 0:
	case h.several == nil:
		h.lone = f.port
	default:
		e.remember(h.several, early{e.flights.ticket(id), e.Now, took})
	}
}

// remember keeps an early answer, in the place of those whose probes have ended.
func (e *engine) remember(s *several, x early) {
	if len(s.early) == cap(s.early) {
		s.early = slices.DeleteFunc(s.early, e.hasEnded)
	}
	if len(s.early) < mostEarly {
		s.early = append(s.early, x)
	}
}

// hasten ends the long waits of a host's first answers once a SYN-ACK has come.
func (e *engine) hasten(h *host) {
	if h.several == nil || h.Least() == 0 {
		return
	}
	if h.lone != 0 {
		if id, f := e.flights.find(h, h.lone); f != nil && f.phase == phaseSettled {
			e.flights.expectBy(id, e.Now+h.grace(f.outcome.Best.RTT, f.outcome.Rank, e.cfg.Timeout))
		}
	}
	for _, x := range h.several.early {
		if !e.hasEnded(x) {
			e.flights.expectBy(x.id, max(e.Now, x.at+h.grace(x.took, e.flights.at(x.id).outcome.Rank, e.cfg.Timeout)))
		}
	}
	h.several.early, h.lone = nil, 0
}

// mostEarly bounds those of one host that are remembered.
const mostEarly = 1024

func (e *engine) hasEnded(x early) bool { return !e.flights.holds(x.ticket) }
