package wide_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

// movedLink has neighbours that all get another link address at a moment, which nobody knows before
// they are asked for again.
type movedLink struct {
	at    time.Time
	known bool
}

func (l *movedLink) Ask(a netip.Addr) netraw.Neighbour {
	return netraw.Neighbour{Addr: a, State: netraw.NeighbourResolved}
}

func (l *movedLink) AskAgain(a netip.Addr) netraw.Neighbour {
	l.known = l.known || time.Now().After(l.at)
	return l.Ask(a)
}

func (l *movedLink) Poll(found []netraw.Neighbour) []netraw.Neighbour { return found }
func (l *movedLink) Ready() <-chan struct{}                           { return nil }
func (l *movedLink) Next() (time.Duration, bool)                      { return 0, false }
func (l *movedLink) Forget(netip.Addr)                                {}

// Where nothing answers any more the link addresses that lead to those who have are asked for again: they,
// or the router, may have got others, and the kernel knows that too late.
func TestSilenceAsksForLinkAddressesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &movedLink{at: time.Now().Add(time.Second)}
		host := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if now.Before(l.at) || l.known {
				simnet.Linux(80).Respond(now, in, out)
			}
		})
		found := newAnswers()
		s, err := stateless(t, t.Context(), simnet.Config{}, host,
			wide.Config{Plan: planOf(t, 1, "80", "10.0.0.0/20"), Config: scan.Config{Rate: 2000, FixedRate: true}, Neighbours: l}, found)
		if err != nil || found.count(probe.StateOpen) != 4096 || s.Outages != 1 {
			t.Errorf("%v, %d open, %+v", err, found.count(probe.StateOpen), s)
		}
	})
}
