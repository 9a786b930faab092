package check

import (
	"cmp"
	"net/netip"
	"strings"

	"synscope/internal/report/units"
	"synscope/internal/target"
	"synscope/probe"
)

// unsent are reasons of ports that this machine could not probe. What stops a probe here
// says nothing of the port.
var unsent = map[string]string{
	string(probe.ReasonNoRoute):       "this machine has no route to it",
	string(probe.ReasonSendFailed):    "this machine could not send the probe",
	string(probe.ReasonLocalFirewall): "this machine's own firewall refused to send the probe",
}

// looked tells whether a port was probed, and to the end.
func (r *entry) looked() bool {
	return r != nil && r.State != probe.StateUnknown.String() && unsent[r.Reason] == ""
}

// noHost tells whether an address turned out to be none that a host may have.
func (r *entry) noHost() bool {
	return r != nil && (r.Reason == string(probe.ReasonBroadcast) || r.Reason == string(probe.ReasonNoHost))
}

// NoHost tells whether an address turned out to be none that a host may have, as that of a
// broadcast.
func (f *Facts) NoHost(a netip.Addr, scope target.Ports) bool {
	for port := range scope.All() {
		return f.of(netip.AddrPortFrom(a, port)).port.noHost()
	}
	return false
}

// Unseen says how many ports of a host were not looked at, and why; "" where all were, and
// where no host has the address.
func (f *Facts) Unseen(a netip.Addr, scope target.Ports) string {
	n, reasons := uint64(0), []string(nil)
	for port := range scope.All() {
		r := f.of(netip.AddrPortFrom(a, port)).port
		if r.looked() || r.noHost() {
			continue
		}
		n++
		if r == nil {
			reasons = append(reasons, "no verdict")
		} else {
			reasons = append(reasons, cmp.Or(unsent[r.Reason], r.Reason))
		}
	}
	if n == 0 {
		return ""
	}
	return units.CountOf(n, "port") + " could not be probed: " + strings.Join(each(reasons), ", ")
}

// each are words, each once, in the order in which they first come.
func each(words []string) (once []string) {
	seen := map[string]bool{}
	for _, w := range words {
		if !seen[w] {
			seen[w] = true
			once = append(once, w)
		}
	}
	return once
}
