package discover

import (
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/netraw"
	"synscope/probe/simnet"
)

// slowLink is a link on which an address answers after it was given up.
type slowLink struct {
	link
	slow netip.Addr
	due  time.Time
	told bool
}

func (l *slowLink) AskRoute(a netip.Addr, route netraw.Route) netraw.Neighbour {
	if route.NextHop.IsValid() {
		return netraw.Neighbour{Addr: a, State: netraw.NeighbourRouted, NextHop: route.NextHop}
	}
	return l.link.AskRoute(a, route)
}

func (l *slowLink) Poll(found []netraw.Neighbour) []netraw.Neighbour {
	found = l.link.Poll(found)
	if !l.told && !time.Now().Before(l.due) {
		l.told = true
		q := l.asked[l.slow]
		q.State, q.MAC = netraw.NeighbourResolved, net.HardwareAddr{2, 0, 0, 0, 0, 7}
		found = append(found, q.Neighbour)
	}
	return found
}

func (l *slowLink) Next() (time.Duration, bool) {
	wait, pending := l.link.Next()
	if !l.told {
		return max(0, min(wait, time.Until(l.due))), true
	}
	return wait, pending
}

// routed has some addresses behind a router.
type routed struct {
	*simnet.Conn
	on netip.Prefix
}

func (r routed) Route(a netip.Addr) (netraw.Route, error) {
	route, err := r.Conn.Route(a)
	if !r.on.Contains(a) {
		route.NextHop = netip.MustParseAddr("10.0.0.254")
	}
	return route, err
}

// A host that answers on the link after it was given up is up, while the search has anything
// else to do; where it has not, it does not wait.
func TestSearchHearsLateNeighbours(t *testing.T) {
	for name, tc := range map[string]struct {
		more  string // also looked for, and silent
		hosts int
		up    bool
		until time.Duration
	}{
		"others are asked meanwhile": {"10.0.1.0/28", 24, true, 3 * time.Second},
		"nothing else to do":         {"10.0.0.8/29", 16, false, 760 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slow := netip.MustParseAddr("10.0.0.3")
				l := &slowLink{slow: slow, due: time.Now().Add(900 * time.Millisecond),
					link: link{up: func(netip.Addr) bool { return false }, asked: map[netip.Addr]*asked{}, bell: make(chan struct{})}}
				conn := simnet.New(simnet.Config{}).Conn(2)
				defer conn.Close()
				all := func(yield func(netip.Addr) bool) {
					for _, p := range []string{"10.0.0.0/29", tc.more} {
						for a := range hostsOf(p) {
							if !yield(a) {
								return
							}
						}
					}
				}
				up, hosts, began := 0, 0, time.Now()
				_, err := Run(t.Context(), routed{conn, netip.MustParsePrefix("10.0.0.0/24")}, Config{Hosts: all, Neighbours: l}, func(h Host) error {
					if hosts++; h.Up {
						up++
						if h.Addr != slow || h.MAC == nil {
							t.Errorf("%+v", h)
						}
					}
					return nil
				})
				if err != nil || (up == 1) != tc.up || hosts != tc.hosts || time.Since(began) > tc.until {
					t.Errorf("%v, %d up of %d after %v", err, up, hosts, time.Since(began))
				}
			})
		})
	}
}
