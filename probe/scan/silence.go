package scan

import (
	"slices"
	"time"

	"synscope/probe/internal/wire"
)

// An answer may come after its port was taken to be silent: over a way that takes longer than the
// longest wait, or as a SYN-ACK that the far end retransmits one or three seconds after the first
// was lost. A verdict that was handed out cannot be taken back. So the verdict of a silent port is
// handed out a while later, or at the end of the run, which is not prolonged for it; answers until
// then count.

const (
	// longestUntold is for how long a silence is kept back: a SYN-ACK is retransmitted one second and
	// three after the first (RFC 6298 §2.1, §5.5).
	longestUntold = 4 * time.Second
	// mostUntold bounds how many are.
	mostUntold = 1 << 15
	// linger is how much longer a run that searches lasts, and has heard nothing: as long as RFC 6298 waits
	// for the first answer of all (§5.7: three seconds), to the first transmission.
	linger = time.Second
)

// untold are the probes whose silence is kept back, in the order in which it was found.
type untold struct {
	list []untoldProbe
	n    int // those of the list that are none any more
}

type untoldProbe struct {
	ticket
	since time.Duration
}

// endSilent ends a probe to which nothing came in time, by keeping that back for a while.
func (e *engine) endSilent(id uint32, f *flight) {
	if f.watches || f.canary || f.rechecks || f.outcome.Best != nil || f.outcome.Renewed() || len(f.tx) == 0 ||
		e.Stopping || e.Failure != nil || f.hostSilent(e.allowed(f)) || e.openBefore(f.host, f.port) != nil {
		e.finish(id)
		return
	}
	e.flights.void(id)
	f.moves()
	f.phase, f.untold = phaseSilent, true
	e.flights.untold++
	f.host.untold++
	e.untold.list = append(e.untold.list, untoldProbe{e.flights.ticket(id), e.Now})
	if f.host.busy() == 0 {
		e.countDeferred(f.host.persistence)
	}
	e.endStay(f.host)
}

// untellSilences has the ports asked again whose silence is kept back, of a host or of all.
func (e *engine) untellSilences(h *host) {
	u := &e.untold
	for _, x := range u.list[u.n:] {
		if f := e.flights.at(x.id); e.flights.holds(x.ticket) && (h == nil || f.host == h) && f.inGaps(len(f.tx)) > 0 {
			e.flights.void(x.id)
			e.enqueue(x.id)
		}
	}
}

// tellSilences tells of those that were kept back for long enough, or are too many; all: of all. It
// reports whether one of them is asked again instead.
func (e *engine) tellSilences(all bool) (again bool) {
	u := &e.untold
	for u.n < len(u.list) {
		x := u.list[u.n]
		f := e.flights.at(x.id)
		due := !e.triesShared() && (all || e.flights.untold > mostUntold || x.since+longestUntold <= e.Now)
		if e.flights.holds(x.ticket) && !due {
			break
		}
		u.n++
		switch {
		case !e.flights.holds(x.ticket): // answered meanwhile
		case f.inGaps(len(f.tx)) > 0 && len(f.tx) < e.allowed(f) && !e.Stopping && e.Failure == nil && !f.host.gone():
			e.flights.void(x.id)
			e.enqueue(x.id)
			again = true
		default:
			e.finish(x.id)
		}
	}
	if u.n > 256 && 2*u.n >= len(u.list) {
		u.list, u.n = slices.Delete(u.list, 0, u.n), 0
	}
	return again
}

// listensUntil is until when a run waits for late answers that has nothing else to do: not at all
// where answers came in time.
func (e *engine) listensUntil() time.Duration {
	n := len(e.untold.list)
	switch {
	case n == 0 || e.Slowest > 0 || e.Stopping || e.Failure != nil:
		return 0
	case e.cfg.Search:
		return e.untold.list[n-1].since + linger
	}
	return e.unresolvedBy(e.untold.list[n-1])
}

// unresolvedBy is until when the last router before a host says that nobody there has the address, 0 where
// that is not waited for.
func (e *engine) unresolvedBy(x untoldProbe) time.Duration {
	f := e.flights.at(x.id)
	if !e.flights.holds(x.ticket) || e.answering > 0 || !f.host.way.routed || e.cfg.MostTimeout <= e.cfg.Timeout {
		return 0
	}
	return f.tx[0].Sent + wire.UnresolvedAfter
}

// staysUntold tells whether an answer leaves a silence that is kept back as it is, since all waits are over: an
// error that tells why nothing came.
func (f *flight) staysUntold() bool { return f.untold && f.outcome.Rank == wire.RankICMP }
