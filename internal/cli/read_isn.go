package cli

import (
	"net/netip"

	"synscope/internal/report"
	"synscope/probe/flow"
	"synscope/probe/isn"
)

// isnSampleOf is what a connection of a capture shows of its server's initial
// sequence numbers.
func isnSampleOf(a *flow.Attempt) (s isn.Sample, ok bool) {
	if !a.Answered {
		return s, false
	}
	o := a.SYNACKOptions
	s = isn.Sample{
		Series: a.Target.String(), Src: a.Source.Addr(), SrcPort: isn.Some(a.Source.Port()),
		ClientISN: isn.Some(a.ClientISN), ISN: isn.Some(a.ServerISN), Received: isn.Some(a.Heard.UnixNano()),
		SACK: isn.Some(o.SACK), Window: isn.Some(o.Window), TTL: isn.Some(o.TTL),
	}
	if a.Asked.UnixNano() > 0 && a.RTT > 0 {
		s.Sent = isn.Some(a.Asked.UnixNano())
	}
	if o.MSS != 0 {
		s.MSS = isn.Some(o.MSS)
	}
	if o.Scaled {
		s.WScale = isn.Some(o.Shift)
	}
	if o.Stamped {
		s.TSVal = isn.Some(o.TSval)
	}
	return s, true
}

// isnCollector gathers the samples of a capture for a file.
type isnCollector struct {
	path    string
	samples []isn.Sample
}

func (c *isnCollector) add(a *flow.Attempt) {
	if s, ok := isnSampleOf(a); ok {
		c.samples = append(c.samples, s)
	}
}

func (c *isnCollector) write() error { return report.WriteISNSamples(c.path, c.samples) }

// isnServers gathers the samples of each server, in the order in which they were met.
type isnServers struct {
	only   netip.AddrPort // the zero AddrPort: all
	order  []netip.AddrPort
	series map[netip.AddrPort][]isn.Sample
	heard  map[netip.AddrPort]bool // in a capture, stamped by the kernel of who took it
	taken  int                     // samples
}

// take adds a sample of a server.
func (v *isnServers) take(server netip.AddrPort, s isn.Sample) {
	if v.only.IsValid() && server != v.only {
		return
	}
	if v.series[server] == nil {
		v.order = append(v.order, server)
	}
	v.series[server] = append(v.series[server], s)
	v.taken++
}

// Attempt takes a connection of a capture.
func (v *isnServers) Attempt(a *flow.Attempt) error {
	s, ok := isnSampleOf(a)
	if ok && len(v.series[a.Target]) < mostSamples {
		v.heard[a.Target] = true
		v.take(a.Target, s)
	}
	return nil
}

// Segment takes nothing.
func (*isnServers) Segment(*flow.Segment) error { return nil }
