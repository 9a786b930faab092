package sample

import (
	"context"
	"net/netip"

	"synscope/netraw"
	"synscope/probe/isn"
)

// One samples the initial sequence numbers of one port by the default plan, over a
// connection that it opens for that, which takes CAP_NET_RAW. It fails with the
// errors of [netraw.Open] and of [Run].
func One(ctx context.Context, target netip.AddrPort) (Result, error) {
	plan := isn.NewPlan(isn.PlanConfig{})
	conn, err := netraw.Open(&netraw.Config{Ports: plan.Ports(), WatchOutgoing: true})
	if err != nil {
		return Result{Target: target}, err
	}
	defer conn.Close()
	r := &last{Result{Target: target}}
	_, err = Run(ctx, conn, Config{Targets: []netip.AddrPort{target}, Plan: plan}, r)
	return r.kept, err
}

// last keeps the last result.
type last struct{ kept Result }

func (*last) Sample(netip.AddrPort, isn.Sample) error { return nil }

func (l *last) Result(r Result) error {
	l.kept = r
	return nil
}
