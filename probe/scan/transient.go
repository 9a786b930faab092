package scan

import (
	"time"

	"synscope/probe/internal/wire"
)

// Some ICMP errors of routers tell of a state that may pass: a route is changing, an address is
// being resolved, packets loop. No TCP gives up a connection for them (RFC 1122 §4.2.3.9, RFC
// 5461): it retransmits its SYN. So in a small run, a port that drew only such an error is asked
// again a second after the first time. In a large one these seconds would add up, and the answers
// of other ports show what the error means: if the host has answered, it was only away, so the port
// is asked again as soon as the host answers once more, or when nothing else is left to ask. If the
// same error then comes again and again, it is the verdict.

const (
	// softWait is how long after a transmission that drew such an error the next one leaves.
	softWait = time.Second
	// softPatience is how long that is waited for at least, where errors come sooner.
	softPatience = 400 * time.Millisecond
	// fewHosts is up to how many hosts of a run one more transmission costs little.
	fewHosts = 16
)

// asksAgain transmits a probe once more, later, if the error that answered it may pass and it was
// not transmitted since, and tells whether it does.
func (e *engine) asksAgain(id uint32, f *flight) bool {
	if f.phase != phaseSettled || !e.transient(f) {
		return false
	}
	if f.asked {
		e.noteStable(f)
		return false
	}
	sent := f.latest().Sent
	if f.host.answersOtherwise() && f.host.vouched <= sent && !e.exhausted && e.Now < sent+longestWatch {
		e.flights.expectBy(id, e.Now+softWait)
		return true
	}
	f.asked, f.phase = true, phaseRefused
	f.outcome.Rank = wire.RankUnverified // the next error takes the place of the first
	e.flights.expectBy(id, max(e.Now, sent+softWait))
	return true
}

// manyStable errors that were the same again while the host answered elsewhere are those of its
// ports.
const manyStable = 8

// answersOtherwise tells whether a router's error about a host that has answered is one of
// the moment, as far as is known.
func (h *host) answersOtherwise() bool {
	return h.witness != 0 && (h.trouble == nil || h.trouble.stable < manyStable)
}

// noteStable takes note of an error that came again, though the host has answered since the
// first.
func (e *engine) noteStable(f *flight) {
	if n := len(f.tx); n > 1 && f.host.vouched > f.tx[n-2].Sent {
		f.host.troubled().stable++
	}
}

// transient tells whether a router's error may be of the moment, and asking again costs little.
func (e *engine) transient(f *flight) bool {
	h, v := f.host, f.outcome.Best
	switch {
	case !wire.Passing(v, h.way.source, e.cfg.TTL) || !v.Responder.IsValid():
		return false
	case e.Stopping || f.watches || f.canary || f.rechecks || len(f.tx) > e.cfg.Retries:
		return false
	}
	return h.answersOtherwise() && !h.gone() || e.exhausted && len(e.hosts.byAddr) <= fewHosts && int(h.tally.ports)+int(h.flights) <= fewPorts
}

// softDue is when the transmission after a soft error counts as not answered.
func (e *engine) softDue(f *flight) time.Duration {
	return f.latest().Sent + min(max(3*f.outcome.Best.RTT, softPatience), e.cfg.Timeout)
}
