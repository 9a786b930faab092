package scan

import "synscope/probe/internal/wire"

// An RST without a number of ours may be anybody's, and the port is asked about it by an ACK. The RST that
// answers that repeats our number, so the host is there; but a port that listens answers so too (RFC 9293
// §3.10.7.2), and nobody knows what became of the SYN. So it is a verdict only if no transmission of the
// SYN draws anything better, and tells nothing of the loss, of round trips and of what else is answered.

// questioned has an answer without a number of ours asked about once for each transmission: a question may be
// lost as what it asks about may.
func (f *flight) questioned(do wire.Action, ev *wire.Event) wire.Action {
	asks := ev.Kind == wire.KindSYN || ev.Kind == wire.KindUnverifiedReset
	if !asks || ev.Attempt < int(f.questions) || !f.outcome.Doubtful() {
		return do
	}
	f.questions = uint8(ev.Attempt) + 1
	return wire.ActAsk
}

// awaitReply gives the answer to a question as much time as the answer that it is about took.
func (e *engine) awaitReply(id uint32, f *flight, ev *wire.Event) {
	if f.phase != phaseFlying || f.batch != nil || ev.Attempt >= len(f.tx) {
		return
	}
	until := e.Now + min(max(2*e.took(f, ev), shortestGuess), e.cfg.Timeout)
	e.flights.expectBy(id, max(until, e.overdue(f)))
}
