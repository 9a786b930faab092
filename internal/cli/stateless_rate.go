package cli

import (
	"fmt"
	"net/netip"

	"synscope/internal/report/units"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/wide"
)

// crowdedTargets is up to how many addresses the networks of a plan are looked at:
// more, in their random order, are too much for no router at the default rate.
const crowdedTargets = 1 << 20

// spareRouters lowers the default rate where it would have a router resolve more
// addresses of one network than its table holds, and says so. A rate that was asked
// for, and hosts that are looked for first, are left alone.
func (j *scanJob) spareRouters(cfg *wide.Config, route func(netip.Addr) (netraw.Route, error)) (remark string) {
	rate := j.routerRate(func(a netip.Addr) bool {
		r, err := route(a)
		return err == nil && r.NextHop.IsValid()
	})
	if rate == 0 {
		return ""
	}
	cfg.Rate = rate
	return fmt.Sprintf("at %s, so that the router before the targets can resolve them: --rate R sends faster, --discover auto finds out first who is there", units.Rate(rate))
}

// routerRate is the default rate where routers bound it, else 0; routed tells whether
// an address lies behind one.
func (j *scanJob) routerRate(routed func(netip.Addr) bool) float64 {
	if j.probing.rate != 0 || j.looksFirstStateless() || j.set.Addresses() > crowdedTargets {
		return 0
	}
	if rate := wide.RouterRate(j.set.Hosts(), routed); rate < probe.DefaultRate {
		return rate
	}
	return 0
}
