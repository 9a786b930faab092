package wire

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"syscall"

	"synscope/probe"
)

// MostConnections is how many connections are tried at once.
const MostConnections = 256

// errnoVerdicts is what connect(2) and tcp(7) say of the far end. EACCES and
// EPERM come from a firewall of this machine, or with EACCES over IPv6 from an
// ICMPv6 "administratively prohibited".
var errnoVerdicts = []struct {
	err    error
	state  probe.State
	reason probe.Reason
}{
	{syscall.ECONNREFUSED, probe.StateRefused, probe.ReasonConnRefused},
	{syscall.ECONNRESET, probe.StateRefused, probe.ReasonConnRefused},
	{syscall.EHOSTUNREACH, probe.StateFiltered, "host-unreachable"},
	{syscall.ENETUNREACH, probe.StateFiltered, "net-unreachable"},
	{syscall.ENOPROTOOPT, probe.StateFiltered, "proto-unreachable"},
	{syscall.EPERM, probe.StateFiltered, probe.ReasonLocalFirewall},
	{syscall.EACCES, probe.StateFiltered, "prohibited"},
	{syscall.ETIMEDOUT, probe.StateFiltered, probe.ReasonNoResponse},
	{os.ErrDeadlineExceeded, probe.StateFiltered, probe.ReasonNoResponse},
	{context.DeadlineExceeded, probe.StateFiltered, probe.ReasonNoResponse},
	{context.Canceled, probe.StateUnknown, probe.ReasonInterrupted},
}

// JudgeConnect is the verdict on a target from the error of a connect.
func JudgeConnect(target netip.AddrPort, err error) probe.Verdict {
	if err == nil {
		return probe.Verdict{Target: target, State: probe.StateOpen, Reason: probe.ReasonConnected}
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
