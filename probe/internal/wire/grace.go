package wire

import (
	"net/netip"
	"time"

	"synscope/probe"
)

// Grace is how long a refusal waits for something better: whoever forges one may stand much
// nearer than the host whose genuine answer follows. took is the time the refusal itself took, usual the
// time that the host's answers take (0: too few have come to say), limit the longest
// wait for a probe's first. An ICMP error carries nothing of the host's: a router that rejects tells less of how far
// that is than an RST in its name.
func Grace(refusal Rank, took, usual, limit time.Duration) time.Duration {
	floor := unknownGrace
	switch {
	case usual > 0:
		floor = max(2*usual, shortestGrace)
	case refusal == RankICMP:
		floor = unknownErrorGrace
	}
	return min(max(3*took, floor), limit)
}

// GraceOf is Grace where several SYN-ACKs of the host were timed: slowest is how long they take
// at most, as they vary.
func GraceOf(took, slowest, limit time.Duration) time.Duration {
	return min(max(3*took, 2*slowest, knownGrace), limit)
}

// Bounds of the grace: for what stands in the same queues behind a forged answer,
// and for a host of which nobody knows how far it is.
const (
	knownGrace        = 5 * time.Millisecond
	shortestGrace     = 20 * time.Millisecond
	unknownGrace      = 200 * time.Millisecond
	unknownErrorGrace = 600 * time.Millisecond
)

// UnresolvedAfter is how long after the first packet a router says at the latest that it has asked in vain for
// the link address of a host: three requests, one a second (RFC 4861 §7.2.2 and §10; Linux for ARP too), whose timers are up to
// an eighth late in Linux, and are 80 ms late there.
const UnresolvedAfter = 3250 * time.Millisecond

// Grace is how long the best answer so far waits for something better, for engines that know of the host no more
// than this probe has shown. It took so long; source is our own address, ttl the one that was asked for (0: the
// usual one), limit the time of a probe.
func (o *Outcome) Grace(source netip.Addr, ttl uint8, took, limit time.Duration) time.Duration {
	if o.Rank == RankAsked || Passing(o.Best, source, ttl) {
		return max(limit-took, 0)
	}
	return Grace(o.Rank, took, 0, limit)
}

// Passing tells whether a verdict is a soft error, and not of this machine, whose address is source: what that says
// is final.
func Passing(v *probe.Verdict, source netip.Addr, ttl uint8) bool {
	return v != nil && v.ICMP != nil && v.Responder.WithZone("") != source.WithZone("") && SoftError(v, ttl)
}
