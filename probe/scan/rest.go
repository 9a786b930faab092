package scan

import (
	"time"

	"synscope/probe/internal/wire"
)

// A ban may be renewed by each packet that comes while it lasts (nftables' update of a set with a timeout,
// iptables' recent --update): then it is the questions to the witness that keep it up. So a host that has kept
// silent for a while gets nothing at all for a longer one, before it is asked again.

const (
	// restAfter so long a silence nothing is sent for restFor: whoever is away for less than that is missed at once.
	restAfter = 3200 * time.Millisecond
	restFor   = 5500 * time.Millisecond
	// restAsks is for how long it is asked after that, at least: a SYN may meet what is left of a connection that could
	// not be closed.
	restAsks = 1200 * time.Millisecond
	// restSoon is after how long, where it was that which brought the host back before.
	restSoon = 600 * time.Millisecond
	// mostAtRest connections are closed later; who retransmits a SYN-ACK to another does so once more.
	mostAtRest = 256
)

// rest is a time for which nothing is sent to a host.
type rest struct {
	until    time.Duration // 0: there was none since the host came under suspicion
	closings []wire.Response
}

// rests is for how long nothing is sent to a host now that keeps silent; 0: it is asked.
func (e *engine) rests(h *host) time.Duration {
	w := h.watch
	after := restAfter
	if w.absences.rests {
		after = restSoon
	}
	if w.rest.until > 0 || e.Now-w.since < after || w.failures < leastSilent || e.byChance(h, w.failures) >= surelyAway {
		return 0
	}
	if w.rest.until = e.Now + restFor; e.allAway(h) {
		e.restAll(e.banned.vouched)
	}
	return restFor
}

// respond closes a connection, after the rest where its host has one.
func (e *engine) respond(h *host, closing wire.Response) {
	if h == nil || h.watch == nil || h.watch.since == 0 || e.Now >= h.watch.rest.until || e.Stopping {
		e.Responses.Add(closing, e.Now)
		return
	}
	r := &h.watch.rest
	if len(r.closings) < mostAtRest {
		r.closings = append(r.closings, closing)
	}
}

// closeAfterRest closes what was not closed meanwhile.
func (e *engine) closeAfterRest(w *watch) {
	for _, x := range w.rest.closings {
		e.Responses.Add(x, e.Now)
	}
	w.rest.closings = nil
}

// endRests closes, at the end of the run, what would have been closed after the rests of all hosts.
func (e *engine) endRests() {
	for _, h := range e.hosts.byAddr {
		if h.watch != nil {
			e.closeAfterRest(h.watch)
		}
	}
}
