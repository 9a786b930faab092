package wire

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"synscope/netraw"
	"synscope/probe"
)

// MostConnections is how many connections are tried at once.
const MostConnections = 256

// errnoVerdicts is what the errors of connect(2) and tcp(7) say about the far end. EACCES and EPERM
// come from a firewall of this machine; EACCES over IPv6 may also come from an ICMPv6
// "administratively prohibited". The others stand for ICMP errors (net/ipv4/icmp.c,
// icmp_err_convert; net/ipv6/icmp.c, icmpv6_err_convert) where the kernel does not hand over the
// error itself; then ECONNREFUSED may be a port unreachable. ECONNRESET is an RST that came after a
// SYN which acknowledged nothing of ours; if it did acknowledge our SYN, [netraw.Dialer] returns no
// error.
var errnoVerdicts = []struct {
	err    error
	state  probe.State
	reason probe.Reason
}{
	{syscall.ECONNREFUSED, probe.StateRefused, probe.ReasonConnRefused},
	{syscall.ECONNRESET, probe.StateRefused, probe.ReasonUnverifiedReset},
	{syscall.EHOSTUNREACH, probe.StateFiltered, "host-unreachable"},
	{syscall.ENETUNREACH, probe.StateFiltered, "net-unreachable"},
	{syscall.ENOPROTOOPT, probe.StateFiltered, "proto-unreachable"},
	{syscall.EPROTO, probe.StateFiltered, "param-problem"},
	{syscall.EOPNOTSUPP, probe.StateFiltered, "icmp-3-5"},
	{syscall.EHOSTDOWN, probe.StateFiltered, "icmp-3-7"},
	{errNoNet, probe.StateFiltered, "icmp-3-8"},
	{syscall.EPERM, probe.StateFiltered, probe.ReasonLocalFirewall},
	{syscall.EACCES, probe.StateFiltered, "prohibited"},
	{syscall.ETIMEDOUT, probe.StateFiltered, probe.ReasonNoResponse},
	{os.ErrDeadlineExceeded, probe.StateFiltered, probe.ReasonNoResponse},
	{context.DeadlineExceeded, probe.StateFiltered, probe.ReasonNoResponse},
	{context.Canceled, probe.StateUnknown, probe.ReasonInterrupted},
}

// JudgeConnect is the verdict on a target from what a connect returned.
func JudgeConnect(target netip.AddrPort, h netraw.Handshake, err error) probe.Verdict {
	switch {
	case NotAHost(err):
		return NoWay(target, err)
	case err == nil && h.Reset:
		return probe.Verdict{Target: target, State: probe.StateOpen, Reason: probe.ReasonConnReset}
	case err == nil:
		return probe.Verdict{Target: target, State: probe.StateOpen, Reason: probe.ReasonConnected}
	case errors.Is(err, netraw.ErrNoRoute), errors.Is(err, netraw.ErrNoInterface):
		return NoWay(target, err)
	}
	if v, ok := judgeReported(target, h.ICMP); ok {
		return v
	}
	for _, known := range errnoVerdicts {
		if errors.Is(err, known.err) {
			if known.reason == probe.ReasonLocalFirewall {
				return Unsendable(target, err)
			}
			return probe.Verdict{Target: target, State: known.state, Reason: known.reason}
		}
	}
	return probe.Verdict{Target: target, Reason: probe.ReasonSendFailed, Err: err}
}

// judgeReported is the verdict by an ICMP error that the kernel tells of, as for every other engine.
func judgeReported(target netip.AddrPort, icmp *netraw.ICMPError) (v probe.Verdict, ok bool) {
	if icmp == nil {
		return v, false
	}
	reason, _ := probe.ICMPMeaning(target.Addr(), icmp.Type, icmp.Code)
	v = probe.Verdict{Target: target, State: probe.StateFiltered, Reason: reason, ICMP: &probe.ICMPCode{Type: icmp.Type, Code: icmp.Code}}
	if icmp.From != target.Addr().WithZone("") {
		v.Responder = icmp.From
	}
	return v, reason != ""
}

// scarce are the errors of connect(2) and socket(2) when this process or this machine has run out
// of something for now: file descriptors, memory, or source ports.
var scarce = []error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN,
	syscall.EADDRNOTAVAIL, syscall.EADDRINUSE,
}

// ConnectBackoff is how long to wait before a connect is tried again that failed with a scarce
// error so many times: other connections end meanwhile. ok is false for other errors, and after ten
// seconds of waiting in vain.
func ConnectBackoff(err error, refused int) (wait time.Duration, ok bool) {
	if SourceGone(err) {
		return 0, false
	}
	for _, known := range scarce {
		if errors.Is(err, known) {
			return min(shortestBackoff<<min(refused, 8), longestBackoff), refused < queueTries
		}
	}
	return 0, false
}

// SourceGone tells whether a connect failed because its source address no longer belongs to this
// machine: EADDRNOTAVAIL of bind(2). From connect(2) the same error means that ports ran out.
func SourceGone(err error) bool {
	var call *os.SyscallError
	return errors.As(err, &call) && call.Syscall == "bind" && errors.Is(call.Err, syscall.EADDRNOTAVAIL)
}

// Dials are the connects of a run. Each waits for scarce resources for as long as other connects
// end, and for ten seconds more.
type Dials struct{ ended atomic.Uint64 }

// Dial is one connect of at most timeout.
func (a *Dials) Dial(ctx context.Context, d probe.Dialer, target netip.AddrPort, timeout time.Duration) (netraw.Handshake, error) {
	ended := a.ended.Load()
	for refused := 0; ; refused++ {
		h, err := dialOnce(ctx, d, target, timeout)
		if now := a.ended.Load(); now != ended {
			ended, refused = now, 0
		}
		wait, again := ConnectBackoff(err, refused)
		if !again {
			a.ended.Add(1)
			return h, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return h, ctx.Err()
		}
	}
}

func dialOnce(ctx context.Context, d probe.Dialer, target netip.AddrPort, timeout time.Duration) (netraw.Handshake, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return d.Dial(ctx, target)
}
