package scan

import (
	"context"
	"net/netip"
	"slices"

	"synscope/netraw"
	"synscope/probe"
)

// One probes one port over a connection that it opens for that, which takes CAP_NET_RAW. It fails
// with the errors of [netraw.Open] and of [Run]; even then the verdict names the target. To probe
// more ports, open a connection once and call Run.
func One(ctx context.Context, target netip.AddrPort) (probe.Verdict, error) {
	conn, err := netraw.Open(&netraw.Config{Ports: DefaultRetries + 2, WatchOutgoing: true})
	if err != nil {
		return probe.Verdict{Target: target}, err
	}
	defer conn.Close()
	v := &last{Verdict: probe.Verdict{Target: target}}
	_, err = Run(ctx, conn, Config{Targets: slices.Values([]netip.AddrPort{target})}, v)
	return v.Verdict, err
}

// last keeps the last verdict.
type last struct{ probe.Verdict }

func (l *last) Port(v probe.Verdict) error {
	l.Verdict = v
	return nil
}

func (*last) Host(probe.HostReport) error { return nil }
