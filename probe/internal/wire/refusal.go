package wire

import (
	"errors"
	"net/netip"
	"os"
	"syscall"
	"time"

	"synscope/netraw"
	"synscope/probe"
)

// Refusal says what an error of Send means for the packet it concerns.
type Refusal uint8

const (
	RefusedForGood     Refusal = iota // this packet can never leave
	RefusedForNow                     // a queue or a table is full: it may leave in a moment
	RefusedByFirewall                 // an output rule of this machine, or its connection tracking is full
	RefusedNetworkAway                // the route or the interface is gone
)

// ErrRouteGone is beside the error of a route look-up for a target that had a
// route before: whatever its number, the network is away.
var ErrRouteGone = errors.New("there was a route")

// refusals sorts the errors of sendmsg(2), as netdevice(7), ip(7) and packet(7)
// give them. EINVAL is what Linux says where the table of neighbours is full
// (gc_thresh3, arp(7)).
var refusals = []struct {
	err  error
	kind Refusal
}{
	{ErrRouteGone, RefusedNetworkAway},
	{netraw.ErrNoNeighbour, RefusedForGood},
	{syscall.EACCES, RefusedForGood}, // a broadcast, or a route that prohibits
	{netraw.ErrNoRoute, RefusedNetworkAway},
	{syscall.EAGAIN, RefusedForNow}, {syscall.ENOBUFS, RefusedForNow}, {syscall.ENOMEM, RefusedForNow},
	{syscall.EINVAL, RefusedForNow}, {os.ErrDeadlineExceeded, RefusedForNow},
	{syscall.EPERM, RefusedByFirewall},
	{syscall.ENETDOWN, RefusedNetworkAway}, {syscall.ENETUNREACH, RefusedNetworkAway},
	{syscall.EHOSTUNREACH, RefusedNetworkAway}, {syscall.ENODEV, RefusedNetworkAway},
	{syscall.ENXIO, RefusedNetworkAway}, {netraw.ErrNextHop, RefusedNetworkAway}, {syscall.EADDRNOTAVAIL, RefusedNetworkAway},
}

// RefusalOf sorts an error of Send.
func RefusalOf(err error) Refusal {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.kind
		}
	}
	return RefusedForGood
}

const (
	shortestBackoff = 2 * time.Millisecond
	longestBackoff  = 100 * time.Millisecond
	// firewallTries is how often a packet is sent anew against a firewall: a rule
	// refuses each, a full table or a limit only some.
	firewallTries = 6
	firewallPause = 50 * time.Millisecond
	// firewallTried is for how long that is.
	firewallTried = (1 + 2 + 4 + 8 + 16 + 16) * firewallPause
	// queueTries is about ten seconds of longestBackoff.
	queueTries = 100
)

// Backoff is how long to wait until a packet that was refused before, that many
// times, is sent anew; ok is false where it never will be. What found no
// network waits for it, and the [Outage] of the run has an end.
func Backoff(err error, refused int) (wait time.Duration, ok bool) {
	switch RefusalOf(err) {
	case RefusedForNow:
		return min(shortestBackoff<<min(refused, 8), longestBackoff), refused < queueTries
	case RefusedByFirewall:
		return firewallPause << min(refused, 4), refused < firewallTries
	case RefusedNetworkAway:
		return longestBackoff, true
	}
	return 0, false
}

// Firewall is what is known of this machine's own one: whether it refuses some packets, or lets so many through in a time, as
// a rule with a limit does, or a table of connections that is full.
type Firewall struct{ let time.Duration }

// Let takes note that a packet left that it had refused before.
func (w *Firewall) Let(at time.Duration) { w.let = max(w.let, at, 1) }

// Backoff is [Backoff], but for what the firewall refuses while it lets others through that it had refused: that is sent anew
// for as long.
func (w *Firewall) Backoff(err error, refused int, now time.Duration) (wait time.Duration, ok bool) {
	wait, ok = Backoff(err, refused)
	return wait, ok || w.Limits(now) && RefusalOf(err) == RefusedByFirewall
}

// Limits tells whether it has let through of late what it had refused.
func (w *Firewall) Limits(now time.Duration) bool { return w.let > 0 && now-w.let < firewallTried }

// Unsendable is the verdict of a probe that the kernel refused to send for good.
// Only a firewall of our own says something of the way there, and a link on which
// nobody answers for the target.
func Unsendable(target netip.AddrPort, err error) probe.Verdict {
	v := probe.Verdict{Target: target, Reason: probe.ReasonSendFailed, Err: err}
	if errors.Is(err, netraw.ErrNoNeighbour) {
		v.State, v.Reason = probe.StateFiltered, probe.ReasonNoNeighbour
	}
	if RefusalOf(err) == RefusedByFirewall {
		v.State, v.Reason = probe.StateFiltered, probe.ReasonLocalFirewall
		v.Findings = []probe.Finding{{
			Code: "local-firewall", Severity: probe.SeverityWarning,
			Text:     "this machine's own firewall refused to send the probe",
			Evidence: err.Error(),
		}}
	}
	return v
}
