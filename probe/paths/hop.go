package paths

import (
	"net/netip"
	"slices"
	"time"
)

// hop is how fast a hop may be probed. Routers limit the rate of ICMP errors (RFC 1812
// §4.3.2.8): Linux to one a second to each host, after six at once (net/ipv4/inetpeer.c,
// inet_peer_xrlim_allow). So where several probes are lost at a hop whose routers have
// answered others, nothing is sent there for a second; then one of them is repeated. If it
// is answered now, the hop is limited, and is probed no faster than it answers; if neither
// that one nor a second is, they were lost for another reason, and silence means silence.
type hop struct {
	state  hopState
	flying int
	narrow bool                    // some are to be repeated
	lost   map[*pair]time.Duration // when it was given up the last time
	aside  map[*pair]time.Duration // when it was recalled the last time
	known  []netip.Addr            // routers that answered

	test     *pair         // that is repeated to tell
	tests    int           // that were lost
	slot     time.Duration // when the next probe may leave: a test, or one of a limited hop
	gap      time.Duration // between two probes of a limited hop
	saved    int           // probes that were answered after they had been lost before
	answers  int           // probes answered lately
	failures int           // probes given up lately
}

// hopState is what is known of a hop's limits.
type hopState byte

const (
	hopFast    hopState = iota // nothing is known
	hopTesting                 // several were lost; it is being found out why
	hopLimited                 // its routers answer at a limited rate
	hopFree                    // they do not
)

const (
	window   = 16                      // probes of one hop under way
	narrowed = 4                       // the same while some of them are lost
	again    = 300 * time.Millisecond  // until a probe that was lost twice is sent once more
	second   = 1100 * time.Millisecond // in which a limited router sends one error, and a little
	suspects = 2                       // probes lost at a hop that raise the question
)

// never is later than any run.
const never = time.Duration(1<<63 - 1)

// ready is when a probe may leave; never: when others have come back.
func (h *hop) ready(w want) time.Duration {
	switch {
	case h.state == hopTesting && (h.test != nil || w.why != forLost || h.flying > 0):
		return never
	case h.state == hopTesting:
		return h.slot
	case h.state == hopLimited && h.flying > len(h.known):
		return never
	case h.state == hopLimited:
		return h.slot
	case h.flying >= window || h.narrow && h.flying >= narrowed:
		return never
	case w.why != forLost || w.flow == nil:
		return 0
	}
	return h.repeated(w)
}

// repeated is when a probe may be repeated.
func (h *hop) repeated(w want) time.Duration {
	q := w.flow.pair(w.ttl)
	switch n := q.lost() + min(q.aside(), mostAside); {
	case n < 2:
		return 0
	case w.loss:
		return max(h.lost[q], h.aside[q]) + again/3
	}
	return max(h.lost[q], h.aside[q]) + again
}

// sent takes note of a probe that left.
func (h *hop) sent(w want, now time.Duration) {
	h.flying++
	switch h.state {
	case hopTesting:
		h.test = w.flow.pair(w.ttl)
	case hopLimited:
		h.slot = now + h.gap
	}
}

// gaveUp takes note of a probe that was not answered.
func (h *hop) gaveUp(p *pair, now time.Duration) {
	h.flying--
	h.lost[p] = now
	h.count(&h.failures)
	switch {
	case h.state == hopFast && len(h.known) > 0 && len(h.lost) >= suspects:
		h.state, h.slot = hopTesting, now+second
	case h.state == hopTesting && h.test == p:
		h.test, h.slot = nil, now+second
		if h.tests++; h.tests >= 2 {
			h.state = hopFree
		}
	case h.state == hopTesting && h.test == nil:
		h.slot = now + second
	case h.state == hopLimited:
		h.gap = min(h.gap*3/2, 2*second)
	}
}

// recalled takes note of a probe that is sent again for a reason other than the hop's limits:
// an old connection of the target, or the probe's size. Since that may happen each time, a
// third probe and a test wait as after a loss.
func (h *hop) recalled(p *pair, now time.Duration) {
	h.flying--
	h.aside[p] = now
	if h.test == p {
		h.test, h.slot = nil, now+again
	}
}

// answered takes note of an answer to a probe, by a router or by nobody in
// particular.
func (h *hop) answered(p *pair, router netip.Addr, now time.Duration) {
	h.count(&h.answers)
	if router.IsValid() && !slices.Contains(h.known, router) {
		h.known = append(h.known, router)
	}
	_, before := h.lost[p]
	delete(h.lost, p)
	if before {
		h.saved++
	}
	often := h.saved >= 2 && 3*h.failures > h.answers+h.failures
	switch {
	case h.state == hopTesting && h.test == p, h.state != hopLimited && before && often && len(h.known) > 0:
		h.state, h.test, h.gap = hopLimited, nil, h.least()
		h.slot = now + h.gap
	case h.state == hopLimited:
		h.gap = max(h.gap*9/10, h.least())
	}
}

// least is the least time between two probes of a limited hop: each of its routers
// answers one a second.
func (h *hop) least() time.Duration { return second / time.Duration(max(1, len(h.known))) }

// count counts one more; older counts fade.
func (h *hop) count(n *int) {
	*n++
	if h.answers+h.failures > 24 {
		h.answers, h.failures = h.answers/2, h.failures/2
	}
}

// look ends a test for which there is nothing left to be repeated.
func (h *hop) look() {
	if h.state == hopTesting && h.test == nil && !h.narrow {
		h.state = hopFast
	}
}

// silenceCounts reports whether silence at the hop means that nothing answers: its routers,
// if it has any, are known not to limit their answers.
func (h *hop) silenceCounts() bool { return len(h.known) == 0 || h.state == hopFree }
