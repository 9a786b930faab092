package netraw

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

// NeighbourState is what is known of a destination's link address.
// The zero value is NeighbourPending.
type NeighbourState uint8

const (
	// NeighbourPending: the kernel is being asked; Poll will tell.
	NeighbourPending NeighbourState = iota
	// NeighbourResolved: it is on the link, and its MAC is known.
	NeighbourResolved
	// NeighbourFailed: it would be on the link, and did not answer ARP (RFC
	// 826) or neighbour solicitations (RFC 4861 §7.2), asked twice.
	NeighbourFailed
	// NeighbourRouted: it is not on the link; NextHop, which is, leads to it.
	NeighbourRouted
	// NeighbourUnneeded: no link address is needed: this machine itself,
	// loopback, tun, WireGuard, broadcast and multicast.
	NeighbourUnneeded
	// NeighbourUnknown: the kernel could not be asked; Err says why, as
	// ErrNoRoute, ErrNoSource, ErrNoInterface or ErrInterfaceDown.
	NeighbourUnknown
)

// String returns "pending", "resolved", "failed", "routed", "unneeded" or
// "unknown".
func (s NeighbourState) String() string {
	names := [...]string{"pending", "resolved", "failed", "routed", "unneeded", "unknown"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("neighbour-state(%d)", uint8(s))
}

// Neighbour is what [Neighbours] found out about one destination.
type Neighbour struct {
	Addr    netip.Addr // as it was first asked for, zone included
	State   NeighbourState
	MAC     net.HardwareAddr // where State is NeighbourResolved and the link has such addresses
	NextHop netip.Addr       // where State is NeighbourRouted; ask for it with the zone that it has here
	IfIndex int              // of the interface that leads there; 0 if none is known
	Asked   int              // requests that were sent for it, at most 2; 0 if the kernel knew
	Took    time.Duration    // from the first request to the answer, or to giving up
	Err     error            // where State is NeighbourUnknown
	// Believed: MAC is what the kernel's table had, as somebody has configured it or from
	// some time ago, and nothing has shown since that the neighbour is there.
	Believed bool
}

// NeighbourConfig changes what OpenNeighbours does. The zero value, like a nil
// pointer, means the defaults.
type NeighbourConfig struct {
	Interface string     // as [Config.Interface]
	Source    netip.Addr // as [Config.Source]
	// Table changes the kernel's table. Default: this process, as far as it may.
	Table NeighbourTable
	// Limit is how many neighbours may be unresolved at a time. Default: 384,
	// less where the kernel's table is small (net.ipv4.neigh.default.gc_thresh2
	// and its IPv6 twin, of which it takes half).
	Limit int
	// Rate is how many requests leave in a second, at most 2 ms' worth at once.
	// Default: 2,000.
	Rate float64
	// Wait is how long the first request waits for its answer; the second waits
	// 3.2 times as long. Default: 250 ms, so that a failure is known after 1.05 s, and
	// whoever answers within a second is found.
	Wait time.Duration
}

// Neighbours finds out which destinations on the link are there, by having the
// kernel resolve them in its own neighbour table: what is found there is used
// by everything that is sent afterwards, and nothing is asked twice.
//
// An address that the table has is asked for all the same, unless the neighbour has
// answered since this was opened, or somebody has configured it: it may have got another
// link address since, or be gone.
//
// It makes the kernel ask by RTM_NEWNEIGH with NTF_USE, or with NUD_PROBE for
// an address that it knew some time ago (rtnetlink(7)), which needs
// CAP_NET_ADMIN. Without that it hands the kernel a packet for the destination
// that no TCP answers, a bare RST of no connection (RFC 9293 §3.10.7.1); then
// the kernel repeats its request after its own second
// (net.ipv4.neigh.default.retrans_time_ms), a failure is known after about
// 1.4 s, and an address that the kernel knew some time ago is believed
// ([Neighbour.Believed]).
//
// A neighbour that failed is removed from the table again, a little later or as soon as
// others need its place, so that the table
// never holds more than four thirds of Limit of our entries that lead nowhere. One that
// answers until then is told of once more.
//
// Nothing waits: Ask and Poll return at once, and are for one goroutine at a
// time.
type Neighbours struct {
	neighbours
}

// OpenNeighbours needs CAP_NET_RAW, or CAP_NET_ADMIN. It fails with the errors
// of [Open].
func OpenNeighbours(cfg *NeighbourConfig) (*Neighbours, error) {
	if cfg == nil {
		cfg = &NeighbourConfig{}
	}
	n := &Neighbours{}
	if err := n.open(*cfg); err != nil {
		return nil, fileLimit(err)
	}
	return n, nil
}

// Ask has dst resolved and returns what is known by now. Where that is
// NeighbourPending, Poll returns the outcome once. Asking again changes
// nothing, and returns the outcome once Poll has returned it.
func (n *Neighbours) Ask(dst netip.Addr) Neighbour { return n.ask(dst) }

// AskRoute is Ask for a caller that has looked the route up.
func (n *Neighbours) AskRoute(dst netip.Addr, route Route) Neighbour {
	return n.askRoute(dst, route)
}

// AskAgain is AskRoute for a destination that has gone silent: unless it is being resolved or has failed, it is resolved anew,
// whatever the kernel knows of it. For a destination off the link its next hop is, which Neighbour then has as Addr.
func (n *Neighbours) AskAgain(dst netip.Addr, route Route) Neighbour { return n.askAgain(dst, route) }

// Poll sends the requests whose turn has come and appends to found what was
// decided since it was last called: each destination once, and one that had failed
// again, as NeighbourResolved, where its answer comes late (up to 4.9 times
// [NeighbourConfig.Wait] after the first request).
func (n *Neighbours) Poll(found []Neighbour) []Neighbour { return n.poll(found) }

// Ready receives a value when the kernel has told something: time for Poll.
func (n *Neighbours) Ready() <-chan struct{} { return n.ready() }

// Next is how long Poll need not be called unless Ready says so; false while
// nothing is pending, and no answer may come late.
func (n *Neighbours) Next() (time.Duration, bool) { return n.next() }

// Pending is the number of destinations that Poll will tell of.
func (n *Neighbours) Pending() int { return n.pending() }

// Forget makes the next Ask for dst ask the kernel anew, after an outage for
// example. It does nothing while dst is pending.
func (n *Neighbours) Forget(dst netip.Addr) { n.forget(dst) }

// Close releases everything. Pending destinations get no outcome.
func (n *Neighbours) Close() error { return n.close() }
