package scan

import "synscope/probe/internal/wire"

// An RST that repeats no number of ours may be anybody's, so the port is asked about it by an ACK.
// The RST that answers the ACK repeats our number: the host is there. But a listening port answers
// an ACK in the same way (RFC 9293 §3.10.7.2), and the SYN may have been lost. So this is the
// verdict only if no transmission of the SYN brings a better answer, and it says nothing of loss,
// round trips or limits.

// questioned asks about an answer without a number of ours, once for each transmission: a question
// may be lost, too.
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
