package scan

import (
	"cmp"
	"net"
	"slices"
	"time"

	"synscope/netraw"
	"synscope/probe"
)

// found is what a run has learnt of a host beside its ports.
type found struct {
	reason      probe.Reason // of the first answer; what others said of the host, while it is not up
	rtt         time.Duration
	mac         *net.HardwareAddr
	began, done time.Duration // when it was first met, and its last verdict; done is 0 before
	probed      int32         // ports to which something was sent
	met, up     bool
	clock       netraw.Clock
	ttl         uint8 // of that answer; 0: it came on the link
}

// resolved takes note of what the link says of a host.
func (f *found) resolved(h *host, n *netraw.Neighbour) {
	if mac := n.MAC; len(mac) > 0 {
		f.mac = &mac
	}
	switch {
	case n.Believed: // nothing was asked
	case n.State == netraw.NeighbourResolved:
		f.up, f.reason = true, probe.NeighbourReason(h.addr)
		if n.Asked == 1 {
			f.rtt, f.clock = n.Took, netraw.ClockUser
		}
	case n.State == netraw.NeighbourFailed:
		f.reason = probe.ReasonNoNeighbour
	}
}

// hear takes note of a verified answer, of the host itself or of a router.
func (h *host) hear(v *probe.Verdict) {
	f := &h.found
	switch {
	case f.up:
	case !v.Responder.IsValid():
		f.up, f.reason, f.rtt, f.clock, f.ttl = true, v.Reason, v.RTT, v.Clock, v.TTL
	default:
		f.reason = v.Reason
	}
}

// account takes note of a verdict, of a time since the start of the run.
func (h *host) account(v *probe.Verdict, at time.Duration) {
	h.found.done = cmp.Or(at, 1)
	if v.Attempts > 0 {
		h.found.probed++
	}
	if h.way.err != nil {
		h.found.reason = v.Reason
	}
}

// report hands out every host, by address, with what was noticed about it as a
// whole.
func (e *engine) report() {
	all := e.hosts.all()
	slices.SortStableFunc(all, func(a, b *host) int { return a.addr.Compare(b.addr) })
	for _, h := range all {
		if !e.handOut(h) {
			return
		}
	}
}

// handOut hands a host to the sink, unless nothing was found out about it, and
// tells whether the sink takes more.
func (e *engine) handOut(h *host) bool {
	if h.found.done == 0 {
		return true
	}
	r := h.report(e.Start)
	if h.tally.canaries > 0 || h.tally.strayed > 0 {
		r.Findings = h.tally.findings(e.cfg.Technique.ByWindow())
	}
	if s := h.several; s != nil && s.samples != nil {
		r.Findings = append(r.Findings, s.samples.findings()...)
	}
	r.Findings = append(r.Findings, h.persistence.findings()...)
	r.Findings = append(r.Findings, h.tally.otherAcks.findings()...)
	r.Findings = append(r.Findings, h.tally.otherAcks.storming()...)
	if h.gone() {
		r.Findings = append(r.Findings, h.silenceFinding())
	}
	if h.watch.seemsToBan() {
		r.Findings = append(r.Findings, h.banFinding())
	}
	err := e.sink.Host(r)
	if err != nil {
		e.Fail(err)
	}
	return err == nil
}

func (h *host) report(start time.Time) probe.HostReport {
	f, l := &h.found, &h.losses
	r := probe.HostReport{
		Addr: h.addr, Reason: f.reason, RTT: f.rtt, Clock: f.clock, TTL: f.ttl,
		Began: start.Add(f.began), Time: start.Add(f.done), Ports: int(f.probed), Err: h.way.err,
		Loss: probe.HostLoss{Sent: uint64(l.answers + l.wasted), Unanswered: uint64(l.wasted)},
	}
	if f.mac != nil {
		r.MAC = *f.mac
	}
	switch {
	case f.up:
		r.State = probe.HostUp
	case h.absent() != nil || f.probed > 0 || h.withheld() > 0:
		r.State, r.Reason = probe.HostDown, cmp.Or(f.reason, probe.ReasonNoResponse)
	}
	return r
}
