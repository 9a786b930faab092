package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"synscope/netraw"
	"synscope/probe/why"
)

// Facts looks at this machine: what its kernel says of the way to one address, and
// what it has counted since NewFacts.
type Facts struct {
	cfg    FactsConfig
	before counters
	known  *netraw.Neighbour // of the next hop, once it was asked
	took   time.Duration
}

// FactsConfig says what is looked at.
type FactsConfig struct {
	Addr       netip.Addr
	Route      func(netip.Addr) (netraw.Route, error)
	Neighbours *netraw.Neighbours // resolves the next hop; nil: nobody asks
}

// NewFacts takes the counters as they are now.
func NewFacts(cfg FactsConfig) *Facts {
	f := &Facts{cfg: cfg}
	f.before = read(f.link())
	return f
}

// link is the interface that leads to the address, "" where there is none.
func (f *Facts) link() string {
	r, err := f.cfg.Route(f.cfg.Addr)
	if err != nil {
		return ""
	}
	return r.Interface
}

// dropShare is the share of a run's packets that an interface has to drop to be to blame.
const dropShare = 0.04

// Look says whether a fact holds, whom it is about, and in a few words why; ok is false where
// nothing can be said. sent is how many packets the run has sent.
func (f *Facts) Look(fact why.Fact, sent int) (yes bool, from netip.Addr, text string, ok bool) {
	route, err := f.cfg.Route(f.cfg.Addr)
	switch fact {
	case why.NoRoute:
		yes = errors.Is(err, netraw.ErrNoRoute) && !errors.Is(err, netraw.ErrNoSource)
		return yes, f.cfg.Addr, textOf(err), true
	case why.BadSource:
		yes = errors.Is(err, netraw.ErrNoSource) || errors.Is(err, netraw.ErrForeignSource) || err == nil && !fits(route.Source, f.cfg.Addr, route.Local)
		return yes, route.Source, textOf(err), true
	case why.InterfaceDown:
		down, known := linkDown(route.Interface)
		return errors.Is(err, netraw.ErrInterfaceDown) || down, netip.Addr{}, cmp.Or(route.Interface, textOf(err)), known || err != nil
	case why.InterfaceDrops:
		dropped := read(route.Interface).drops - f.before.drops
		return sent > 0 && float64(dropped) > max(2, dropShare*float64(sent)), netip.Addr{}, fmt.Sprintf("%d dropped at %s", dropped, route.Interface), err == nil
	case why.ReversePathDrops:
		dropped := read(route.Interface).reverse - f.before.reverse
		return dropped > 0, netip.Addr{}, fmt.Sprintf("%d packets", dropped), true
	case why.ConntrackFull:
		count, most, known := conntrack()
		return known && count >= most, netip.Addr{}, fmt.Sprintf("%d of %d", count, most), true
	case why.PortsExhausted:
		return portsExhausted(f.cfg.Addr), netip.Addr{}, "", true
	}
	if err != nil {
		return false, netip.Addr{}, "", false
	}
	return f.neighbour(fact, route)
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), "netraw: ", "")
}

// fits reports whether a source address can be used towards an address: RFC 1122
// §3.2.1.3 keeps loopback ones on the machine.
func fits(src, dst netip.Addr, local bool) bool {
	return src.IsValid() && src.Is4() == dst.Is4() && !(src.IsLoopback() && !local) && !src.IsUnspecified()
}

// neighbour reads the facts of the next hop.
func (f *Facts) neighbour(fact why.Fact, route netraw.Route) (yes bool, from netip.Addr, text string, ok bool) {
	onLink := route.Local || !route.NextHop.IsValid()
	switch {
	case fact == why.OnLink:
		return onLink, netip.Addr{}, "", !f.unaddressed(route) // behind a tunnel anything may be
	case f.unaddressed(route):
		return false, netip.Addr{}, "", true // nobody is asked for a link address
	}
	n := f.known
	if n == nil || n.State == netraw.NeighbourUnknown {
		return false, netip.Addr{}, "", false
	}
	failed := n.State == netraw.NeighbourFailed
	return failed && onLink == (fact == why.TargetUnresolved), n.Addr, "on " + route.Interface, true
}

// unaddressed reports whether a route leads through an interface without link addresses: a
// tunnel, a point-to-point link (IFF_NOARP; netdevice(7)).
func (f *Facts) unaddressed(r netraw.Route) bool { return r.Plain && !r.Local && !r.Broadcast }

// Impossible are the causes that the facts of this machine leave no room for.
func (f *Facts) Impossible() (list []why.Code) {
	if r, err := f.cfg.Route(f.cfg.Addr); err == nil && (r.Local || f.unaddressed(r)) {
		list = append(list, why.LocalNoNeighbour)
	}
	return list
}

// resolvePatience is more than two requests of the kernel's take.
const resolvePatience = 2 * time.Second

// Resolve asks for the link address of the next hop, for which the facts about
// neighbours wait.
func (f *Facts) Resolve(ctx context.Context) {
	if f.cfg.Neighbours == nil {
		return
	}
	began := time.Now()
	defer func() { f.took = time.Since(began) }()
	n := f.ask(ctx, f.cfg.Addr)
	if n.State == netraw.NeighbourRouted {
		n = f.ask(ctx, n.NextHop)
	}
	f.known = &n
}

// Took is how long Resolve did.
func (f *Facts) Took() time.Duration { return f.took }

func (f *Facts) ask(ctx context.Context, a netip.Addr) netraw.Neighbour {
	n := f.cfg.Neighbours.Ask(a)
	for deadline := time.Now().Add(resolvePatience); n.State == netraw.NeighbourPending && time.Now().Before(deadline) && sleep(ctx, 20*time.Millisecond); {
		f.cfg.Neighbours.Poll(nil)
		n = f.cfg.Neighbours.Ask(a)
	}
	return n
}
