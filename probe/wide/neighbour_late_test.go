package wide_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

// lateLink is a link on which nobody answers in time, one a little later, and all of another
// network are behind a next hop that does not answer.
type lateLink struct {
	asked map[netip.Addr]time.Time
	told  map[netip.Addr]netraw.NeighbourState
	late  netip.Addr
	after time.Duration // that one answers
	bell  chan struct{}
}

const (
	givenUp   = 1050 * ms
	answersAt = 1150 * ms
)

func (l *lateLink) Ask(a netip.Addr) netraw.Neighbour {
	if l.asked[a].IsZero() {
		l.asked[a] = time.Now()
	}
	return netraw.Neighbour{Addr: a, State: l.told[a]}
}

func (l *lateLink) Poll(found []netraw.Neighbour) []netraw.Neighbour {
	for a, at := range l.asked {
		want := netraw.NeighbourPending
		switch age := time.Since(at); {
		case a.As4()[3] == 1 && a != l.late:
			want = netraw.NeighbourResolved
		case age >= l.after && a == l.late:
			want = netraw.NeighbourResolved
		case age >= givenUp:
			want = netraw.NeighbourFailed
		}
		if l.told[a] != want {
			l.told[a] = want
			found = append(found, netraw.Neighbour{Addr: a, State: want})
		}
	}
	return found
}

// Next is for as long as anything may come.
func (l *lateLink) Next() (time.Duration, bool) {
	for a, state := range l.told {
		if state == netraw.NeighbourPending || a == l.late && state == netraw.NeighbourFailed {
			return 10 * ms, true
		}
	}
	return 0, len(l.told) < len(l.asked)
}

func (l *lateLink) Ready() <-chan struct{} { return l.bell }
func (l *lateLink) Forget(a netip.Addr)    { delete(l.asked, a); delete(l.told, a) }

// onLink has all addresses on the link.
type onLink struct{ *simnet.Conn }

func (o onLink) Route(a netip.Addr) (netraw.Route, error) {
	r, err := o.Conn.Route(a)
	r.NextHop = netip.Addr{}
	return r, err
}

// scan runs a plan on the link, of which the hosts of a prefix listen on port 80.
func (l *lateLink) scan(t *testing.T, there netip.Prefix, way simnet.Path, ports, words string) (wide.Summary, *answers) {
	t.Helper()
	l.asked, l.told, l.bell = map[netip.Addr]time.Time{}, map[netip.Addr]netraw.NeighbourState{}, make(chan struct{})
	n := simnet.New(simnet.Config{Out: way})
	n.Handle(there, simnet.Linux(80))
	conn := n.Conn(wide.DefaultMostRetries + 1)
	defer conn.Close()
	cfg := wide.Config{
		Config: scan.Config{Retries: wide.DefaultRetries}, MostRetries: wide.DefaultMostRetries,
		LeastTimeout: wide.DefaultLeastTimeout, Plan: planOf(t, 1, ports, words), Neighbours: l,
	}
	b, err := wide.NewBlaster(onLink{conn}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	found := newAnswers()
	s, err := wide.Run(t.Context(), b, cfg, found)
	if err != nil || !s.Complete {
		t.Fatalf("%v, %+v", err, s)
	}
	return s, found
}

// A neighbour that answers after it was given up is probed after all, and told of as all others.
func TestNeighboursThatAnswerLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := netip.MustParseAddr("10.0.0.6")
		l := &lateLink{late: late, after: answersAt}
		s, found := l.scan(t, netip.MustParsePrefix("10.0.0.0/29"), simnet.Path{}, "80,81", "10.0.0.0/29")
		if len(found.best) != 4 || found.best[netip.AddrPortFrom(late, 80)].State != probe.StateOpen {
			t.Errorf("%v", found.best)
		}
		if s.NoNeighbour != 2*6 || s.States[probe.StateFiltered] != 12 || s.States[probe.StateOpen] != 2 || s.States[probe.StateRefused] != 2 || s.States[probe.StateUnknown] != 0 {
			t.Errorf("%d without a neighbour, %v", s.NoNeighbour, s.States)
		}
	})
}

// Probes that waited for their neighbour have their round trips counted from when they left: no
// queue is seen in the wait, and the run is not slowed down for one.
func TestProbesThatWaitedAreNoQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := netip.MustParseAddr("10.0.0.6")
		l := &lateLink{late: late, after: 10 * ms}
		s, _ := l.scan(t, netip.PrefixFrom(late, 32), simnet.Path{Delay: ms / 10, Jitter: ms / 10}, "1-3000", late.String())
		if s.Took > 3*time.Second || s.Pace > 0 || s.Sent > 3100 { // 0.3 s and a timeout, were it not slowed
			t.Errorf("%d probes took %v, slowed to %v a second", s.Sent, s.Took, s.Pace)
		}
	})
}

// Targets whose neighbours are not there cost no time when the last SYNs are sent once more.
func TestAbsentNeighboursCostNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := (&lateLink{}).scan(t, netip.MustParsePrefix("10.0.0.1/32"), simnet.Path{}, "80", "10.0.0.1-254")
		if s.Took > 5*time.Second || s.NoNeighbour != 253 || s.Sent > 3 {
			t.Errorf("%d probes took %v, %d targets without a neighbour", s.Sent, s.Took, s.NoNeighbour)
		}
	})
}
