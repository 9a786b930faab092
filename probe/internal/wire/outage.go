package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"synscope/probe"
)

// errFirewall is what sendmsg(2) returns for a packet that an output rule of
// this machine refuses.
var errFirewall = os.ErrPermission

// networkGone are the errors of sendmsg(2) for a route or an interface that
// went away, netdevice(7) and ip(7).
var networkGone = []error{
	syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENODEV,
	syscall.ENXIO, syscall.EADDRNOTAVAIL,
}

// certainty is how many sends in a row must find no network until the run is
// given up.
const certainty = 64

// Outage watches for the network going away under a run: sends fail although
// the kernel had a route when the target was taken up.
type Outage struct {
	failed int
	last   error
}

func (o *Outage) Note(err error) {
	for _, gone := range networkGone {
		if errors.Is(err, gone) {
			o.failed++
			o.last = err
			return
		}
	}
}

func (o *Outage) End() { o.failed = 0 }

func (o *Outage) Certain() bool { return o.failed >= certainty }

// Lasting tells whether the last sends of the run failed.
func (o *Outage) Lasting() bool { return o.failed > 0 }

func (o *Outage) Error() error { return fmt.Errorf("%w: %w", probe.ErrNetworkDown, o.last) }

// Unsendable is the verdict of a probe that the kernel refused to send. Only a
// firewall of our own says something of the way there; SEMANTICS, connect.
func Unsendable(target netip.AddrPort, err error) probe.Verdict {
	v := probe.Verdict{Target: target, Reason: probe.ReasonSendFailed, Err: err}
	if errors.Is(err, errFirewall) {
		v.State, v.Reason = probe.StateFiltered, probe.ReasonLocalFirewall
		v.Findings = []probe.Finding{{
			Code: "local-firewall", Severity: probe.SeverityWarning,
			Text:     "this machine's own firewall refused to send the probe",
			Evidence: err.Error(),
		}}
	}
	return v
}
