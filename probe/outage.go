package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
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

// outage watches for the network going away under a run: sends fail although
// the kernel had a route when the target was taken up.
type outage struct {
	failed int
	last   error
}

func (o *outage) note(err error) {
	for _, gone := range networkGone {
		if errors.Is(err, gone) {
			o.failed++
			o.last = err
			return
		}
	}
}

func (o *outage) end() { o.failed = 0 }

func (o *outage) certain() bool { return o.failed >= certainty }

// lasting tells whether the last sends of the run failed.
func (o *outage) lasting() bool { return o.failed > 0 }

func (o *outage) error() error { return fmt.Errorf("%w: %w", ErrNetworkDown, o.last) }

// unsendable is the verdict of a probe that the kernel refused to send. Only a
// firewall of our own says something of the way there; SEMANTICS, connect.
func unsendable(target netip.AddrPort, err error) Verdict {
	v := Verdict{Target: target, Reason: ReasonSendFailed, Err: err}
	if errors.Is(err, errFirewall) {
		v.State, v.Reason = StateFiltered, ReasonLocalFirewall
		v.Findings = []Finding{{
			Code: "local-firewall", Severity: SeverityWarning,
			Text:     "this machine's own firewall refused to send the probe",
			Evidence: err.Error(),
		}}
	}
	return v
}
