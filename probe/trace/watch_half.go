package trace

import (
	"slices"
	"time"

	"synscope/probe/internal/wire"
)

// The probes of a round share a port, and the first of them that reaches a target which accepts leaves it half
// open there: to the others it answers with an ACK of the first (RFC 9293 §3.10.7.4). Where the SYN-ACK to
// that was lost, this is all that comes until it is retransmitted, a second later, so it is waited for instead
// of reset, and further rounds leave from other ports.

// meets takes an ACK of a probe that a later one from the same port has met, and tells whether it is one.
func (w *watcher) meets(s *wire.Transmission) bool {
	met := !w.opened && slices.ContainsFunc(w.Table.List, func(later *wire.Transmission) bool {
		return later.Src == s.Src && later.Tx.Sent > s.Tx.Sent
	})
	if met && !slices.Contains(w.half, s) {
		w.half = append(w.half, s)
		if w.Matcher.Ports[w.port] == s.Src.Port() {
			w.port = (w.port + 1) % len(w.Matcher.Ports)
		}
	}
	return met
}

// giveUp is when the SYN-ACK is not waited for any more, 0 where none is.
func (w *watcher) giveUp() time.Duration {
	if len(w.half) == 0 {
		return 0
	}
	return w.half[0].Tx.Sent + 2*w.cfg.Timeout // as long as it is remembered
}

// expireHalf closes what is not waited for any more.
func (w *watcher) expireHalf() {
	for len(w.half) > 0 && (w.Stopping || w.Said.Outcome.Open() || w.Now >= w.giveUp()) {
		if s := w.half[0]; !s.Outcome.Open() {
			s.Close(&w.Responses)
		}
		w.half = w.half[1:]
	}
}
