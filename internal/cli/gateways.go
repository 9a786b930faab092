package cli

import (
	"context"
	"fmt"
	"net/netip"

	"synscope/internal/target"
	"synscope/netraw"
)

const (
	// sampledTargets are looked at for the next hops of a run.
	sampledTargets = 256
	// gatewayTries is how often a next hop is resolved, by two requests each time:
	// a link that loses a third of all packets each way loses six of them in a row
	// once in 35 times, and the kernel itself asks three times.
	gatewayTries = 3
)

// gateway is a next hop, and the first target behind it.
type gateway struct {
	addr   netip.Addr
	link   string
	target netip.Addr
}

// gatewaysOf are the next hops of some targets of a run. elsewhere says that a target
// needs none, or its route is not known; several are remarks about routes with several
// next hops.
func gatewaysOf(route func(netip.Addr) (netraw.Route, error), set *target.Set) (list []gateway, elsewhere bool, several []string) {
	known := map[netip.Addr]bool{}
	n := set.Count()
	for k := range min(n, sampledTargets) {
		a := set.At(k * (n / min(n, sampledTargets))).Addr()
		r, err := route(a)
		if err != nil || r.Local || r.Plain || !r.NextHop.IsValid() {
			elsewhere = true
			continue
		}
		if r.NextHops > 1 && several == nil {
			several = []string{severalHops(a, &r)}
		}
		hop := hopOf(&r)
		if !known[hop] {
			known[hop] = true
			list = append(list, gateway{hop, r.Interface, a})
		}
	}
	return list, elsewhere, several
}

// checkGateways resolves the next hops of a run before anything is sent: for one that does
// not answer the kernel would take each packet, keep some until it gives up, and then send
// ICMP errors of its own (arp(7)). remarks name the next hops that do not answer; where all
// targets are behind them, that is the run's error.
func checkGateways(ctx context.Context, p *probing, route func(netip.Addr) (netraw.Route, error), set *target.Set) (remarks []string, err error) {
	list, elsewhere, remarks := gatewaysOf(route, set)
	if len(list) == 0 {
		return remarks, nil
	}
	n, err := netraw.OpenNeighbours(&netraw.NeighbourConfig{Interface: p.iface, Source: p.source})
	if err != nil {
		return remarks, nil // told of where it is needed
	}
	defer n.Close()
	dead := neighbours{Neighbours: n}.unanswered(ctx, list)
	if len(dead) == len(list) && !elsewhere {
		return nil, &exit{exitUnable, dead[0].error()}
	}
	p.dead.take(dead)
	for _, g := range dead {
		remarks = append(remarks, g.error().Error())
	}
	return remarks, nil
}

// severalHops says what choosing among next hops means for what is found.
func severalHops(a netip.Addr, r *netraw.Route) string {
	if r.PerFlow {
		return fmt.Sprintf("the route to %v has %d next hops, and the kernel chooses one for each connection, by its ports too: "+
			"where one of them drops packets, some connections fail that succeed from another port", a, r.NextHops)
	}
	return fmt.Sprintf("the route to %v has %d next hops, and the kernel chooses one for each destination: "+
		"where one of them drops packets, some hosts cannot be reached from here at all", a, r.NextHops)
}

func (g gateway) error() error {
	return fmt.Errorf("%v on %s, on the way to %v: %w", g.addr, g.link, g.target, netraw.ErrNextHop)
}

// unanswered are the next hops that answer none of several requests.
func (n neighbours) unanswered(ctx context.Context, list []gateway) []gateway {
	for range gatewayTries {
		var silent []gateway
		for _, g := range list {
			n.Forget(g.addr)
			n.Ask(g.addr)
		}
		n.settle(ctx, func() { n.Neighbours.Poll(nil) })
		for _, g := range list {
			if n.Ask(g.addr).State == netraw.NeighbourFailed {
				silent = append(silent, g)
			}
		}
		if list = silent; len(list) == 0 || ctx.Err() != nil {
			return nil
		}
	}
	return list
}
