package discover

import (
	"slices"
	"time"

	"synscope/probe"
)

// A host that answers later than anything is waited for is there. So that it kept silent is told a
// while later, or when the search is over, which does not wait for that: until then its answer counts.

const (
	// longestUntold is for how long a silence is kept back.
	longestUntold = 4 * time.Second
	// mostUntold bounds how many are.
	mostUntold = 1 << 14
	// linger is how much longer a search lasts that has heard nothing in time: an answer that takes as long as
	// RFC 6298 waits for the first of all (§5.7: three seconds) comes by then, to the first question.
	linger = time.Second
	// lateShare is of how many late round trips more is waited for such answers, once there is one.
	lateShare = 1.25
)

// keepSilent keeps back that a host kept silent, unless it is up for its link address.
func (e *engine) keepSilent(h *host) {
	if e.shared.resolvedAlone(h) {
		e.upByLink(h)
		return
	}
	h.due, h.untold, h.began = 0, true, e.Now
	e.untold++
	e.silent = append(e.silent, h)
}

// seek ends that the silence of a host is kept back.
func (e *engine) seek(h *host) {
	if h.untold {
		h.untold = false
		e.untold--
	}
}

// tellSilences tells of the hosts that were kept back for long enough, or are too many; all: of all.
func (e *engine) tellSilences(all bool) {
	told := 0
	for _, h := range e.silent {
		if h.untold && !all && e.untold <= mostUntold && h.began+longestUntold > e.Now {
			break
		}
		told++
		if h.untold {
			e.tellSilence(h)
		}
	}
	e.silent = slices.Delete(e.silent, 0, told)
}

// lingers is until when a search waits for late answers that has nothing else to do: not at all where
// answers came in time, or hosts on the link were found.
func (e *engine) lingers() time.Duration {
	n := len(e.silent)
	if n == 0 || e.Stopping || e.Failure != nil || e.Slowest > 0 && e.inTime() || e.Slowest == 0 && e.found > 0 {
		return 0
	}
	late := min(time.Duration(lateShare*float64(e.Slowest)), longestUntold)
	return e.silent[n-1].began + max(linger, late)
}

// tellSilence tells of one of them. The run that probes ports while this one pauses may have heard it.
func (e *engine) tellSilence(h *host) {
	open := e.earlier.Open(h.key)
	if len(open) == 0 {
		e.down(h, probe.ReasonNoResponse)
		return
	}
	h.Time, h.TTL = open[0].Time, open[0].TTL
	e.up(h, probe.ReasonSYNACK)
}

// sought is how many hosts are not decided, but for those whose silence is kept back.
func (e *engine) sought() int { return len(e.hosts) - e.untold }
