package connect

import (
	"net/netip"
	"slices"
	"time"

	"synscope/probe"
)

// hosts is what a run has found out about each address.
type hosts map[netip.Addr]*probe.HostReport

// note takes a verdict. A connection that was made or refused is the host's own
// answer, unless a firewall resets in its name, and so is an ICMP error that it sent.
func (t hosts) note(v *probe.Verdict, began time.Time) {
	h := t[v.Target.Addr()]
	if h == nil {
		h = &probe.HostReport{Addr: v.Target.Addr(), Began: began}
		t[h.Addr] = h
	}
	h.Time = v.Time
	h.Ports++
	switch {
	case h.State == probe.HostUp:
	case answered(v), v.ICMP != nil && !v.Responder.IsValid(): // an error of the host's own
		h.State, h.Reason, h.RTT, h.Clock = probe.HostUp, v.Reason, v.RTT, v.Clock
	case v.State == probe.StateFiltered && v.Err == nil:
		h.State, h.Reason = probe.HostDown, v.Reason
	}
}

// report hands out every host, by address.
func (t hosts) report(sink probe.Sink) error {
	var all []netip.Addr
	for a := range t {
		all = append(all, a)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	for _, a := range all {
		if err := sink.Host(*t[a]); err != nil {
			return err
		}
	}
	return nil
}
