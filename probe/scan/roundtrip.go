package scan

import (
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe/internal/wire"
)

// What counts as a round trip. A SYN-ACK that may be a retransmission has none (wire.Trips says how
// that is told), though the wait for the next answer may be drawn from it.

// roundTrip is the one that an answer shows, and the clock behind it; none where it may be a SYN-ACK
// that the far end retransmitted. RSTs are not.
func (e *engine) roundTrip(f *flight, ev *wire.Event) (time.Duration, netraw.Clock) {
	switch took := e.took(f, ev); {
	case ev.Kind == wire.KindReset:
		f.host.takes(took)
	case ev.Kind == wire.KindSYNACK && f.host.doubts(took):
		return 0, netraw.ClockNone
	}
	return e.measure(f.tx[ev.Attempt], ev.At)
}

// doubts tells whether a SYN-ACK that took so long may be a retransmission.
func (h *host) doubts(took time.Duration) bool {
	if h.several == nil {
		return wire.Repeats(took, h.expected)
	}
	h.several.trips.Takes(h.expected)
	return h.several.trips.Doubts(took)
}

// takes takes note of an answer that is no retransmission.
func (h *host) takes(took time.Duration) {
	if h.several != nil {
		h.several.trips.Takes(took)
	}
}

// noteAgain takes note of a SYN-ACK that came again after a while, since our RST takes long.
func (e *engine) noteAgain(peer netip.AddrPort, link int, took, after time.Duration) {
	if h := e.hosts.find(peer.Addr(), link); h != nil && h.several != nil {
		h.several.trips.Again(took, after)
	}
}

// close queues the RST that closes what an answer shows to be half open. A port that is asked again gets
// the SYN of the last time, and chooses another number (RFC 6528): that is another connection, to be
// closed too, and no storm.
func (e *engine) close(f *flight, ev *wire.Event) {
	closing := wire.CloseAfter(ev)
	h := e.hosts.find(ev.Target.Addr(), ev.Link)
	if h != nil && closing.Attempt >= e.cfg.attempts() {
		closing.Attempt += int(h.asked) * e.cfg.attempts()
	}
	if f == nil { // it came late
		closing.Since = e.cfg.Timeout
	} else if ev.Attempt < len(f.tx) {
		closing.Since = max(e.Now-f.tx[f.same.of(ev.Attempt)].Sent, 1)
	}
	e.respond(h, closing)
}
