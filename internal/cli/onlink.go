package cli

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
)

// neighbours resolve hosts on the link; a run can do without.
type neighbours struct {
	*netraw.Neighbours
	end func() // of the process that keeps a right for them
}

// openNeighbours opens them; wait is that of their configuration.
func openNeighbours(s Streams, p *probing, wait time.Duration) (n neighbours, err error) {
	table, end := neighbourKeeper(s)
	opened, err := netraw.OpenNeighbours(&netraw.NeighbourConfig{Interface: p.iface, Source: p.source, Table: table, Wait: wait})
	if err != nil {
		end()
		return n, fmt.Errorf("hosts on the link are not resolved before they are probed: %w", err)
	}
	return neighbours{opened, end}, nil
}

func (n neighbours) close() {
	if n.Neighbours != nil {
		n.Close()
		n.end()
	}
}

// isOnLink reports whether a route leads to a neighbour whose link address is needed.
func isOnLink(r *netraw.Route) bool { return !r.Local && !r.Plain && !r.NextHop.IsValid() }

// onLink is a network that sends nothing to neighbours that are not there, and says
// so at once: the kernel would take three seconds. They are asked for again while
// somebody goes on trying.
type onLink struct {
	probe.Polled
	neighbours
	absent map[netip.Addr]*absentee // without zones
	found  []netraw.Neighbour
}

// Unwrap is the network: what it knows of routes holds here too.
func (o *onLink) Unwrap() probe.Network { return o.Polled }

type absentee struct {
	netraw.Neighbour
	route   netraw.Route
	asked   time.Time
	pending bool
}

const (
	// patientWait is for runs that hang on a few neighbours: a device that saves power
	// or a radio link may take a second to answer. Such a failure is known after 1.5 s.
	patientWait = 350 * time.Millisecond
	// linkPatience bounds the wait for neighbours before a run begins.
	linkPatience = 2 * time.Second
	// absentAgain is how often one that is not there is asked for.
	absentAgain = time.Second
)

// resolveFirst has the targets on the link resolved, before rights are given up, and
// returns the network for the run. Without any it is the one given.
func resolveFirst(ctx context.Context, s Streams, p *probing, network probe.Polled, targets []netip.Addr) (probe.Polled, func()) {
	o := &onLink{Polled: network, absent: map[netip.Addr]*absentee{}}
	for _, a := range targets {
		route, err := network.Route(a)
		if err != nil || !isOnLink(&route) {
			continue
		}
		if o.Neighbours == nil {
			if o.neighbours, err = openNeighbours(s, p, patientWait); err != nil {
				return network, func() {}
			}
		}
		o.ask(a, route)
	}
	if o.Neighbours == nil {
		return network, func() {}
	}
	o.settle(ctx, o.take)
	return o, o.close
}

func (o *onLink) ask(a netip.Addr, route netraw.Route) {
	n := o.AskRoute(a, route)
	if n.State == netraw.NeighbourPending || n.State == netraw.NeighbourFailed {
		o.absent[a.WithZone("")] = &absentee{n, route, time.Now(), n.State == netraw.NeighbourPending}
	}
}

// settle waits until nobody is asked for any more; take takes in what was found out.
func (n neighbours) settle(ctx context.Context, take func()) {
	until := time.NewTimer(linkPatience)
	defer until.Stop()
	for n.Pending() > 0 {
		next, _ := n.Next()
		soon := time.NewTimer(next)
		select {
		case <-n.Ready():
		case <-soon.C:
		case <-until.C:
			return
		case <-ctx.Done():
			return
		}
		soon.Stop()
		take()
	}
}

// take takes in what was found out.
func (o *onLink) take() {
	o.found = o.Neighbours.Poll(o.found[:0])
	for i := range o.found {
		key := o.found[i].Addr.WithZone("")
		if a := o.absent[key]; a != nil && o.found[i].State == netraw.NeighbourFailed {
			a.Neighbour, a.pending = o.found[i], false
		} else {
			delete(o.absent, key)
		}
	}
}

// Poll is that of the network.
func (o *onLink) Poll(pkts []netraw.Packet) (int, error) { return o.Polled.Poll(pkts) }

// Close ends what resolves; the network is its owner's.
func (o *onLink) close() { o.neighbours.close() }

// refusal is why a packet cannot be sent, nil if it can.
func (o *onLink) refusal(pkt []byte) error {
	var dst netip.Addr
	switch {
	case len(pkt) >= 20 && pkt[0]>>4 == 4:
		dst = netip.AddrFrom4([4]byte(pkt[16:20]))
	case len(pkt) >= 40 && pkt[0]>>4 == 6:
		dst = netip.AddrFrom16([16]byte(pkt[24:40]))
	}
	a := o.absent[dst]
	if a == nil {
		return nil
	}
	if now := time.Now(); !a.pending && now.Sub(a.asked) >= absentAgain {
		a.asked, a.pending = now, true
		o.Forget(a.Addr)
		o.AskRoute(a.Addr, a.route)
	}
	return fmt.Errorf("%v: %w", dst, netraw.ErrNoNeighbour)
}

// Send sends up to the first packet for a neighbour that is not there.
func (o *onLink) Send(pkts [][]byte) (int, error) {
	if len(o.absent) == 0 {
		return o.Polled.Send(pkts)
	}
	o.take()
	for i, pkt := range pkts {
		refused := o.refusal(pkt)
		if refused == nil {
			continue
		}
		if n, err := o.Polled.Send(pkts[:i]); err != nil {
			return n, err
		}
		return i, refused
	}
	return o.Polled.Send(pkts)
}

// SendEach sends what is for others, where the network can send so.
func (o *onLink) SendEach(pkts [][]byte, via []int, refused func(i int, err error)) (sent int) {
	each := o.Polled.(interface {
		SendEach(pkts [][]byte, via []int, refused func(i int, err error)) int
	})
	if len(o.absent) == 0 {
		return each.SendEach(pkts, via, refused)
	}
	o.take()
	for i := range pkts {
		if err := o.refusal(pkts[i]); err != nil {
			refused(i, err)
			continue
		}
		sent += each.SendEach(pkts[i:i+1], via[min(i, len(via)):], func(_ int, err error) { refused(i, err) })
	}
	return sent
}

// hostsOf are the addresses of a list of targets.
func hostsOf(pairs []netip.AddrPort) (hosts []netip.Addr) {
	for _, p := range pairs {
		hosts = append(hosts, p.Addr())
	}
	return hosts
}
