package discover

import (
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/simnet"
)

// link resolves some addresses at once, and the others never; it goes on only while it
// is polled, and tells of each once.
type link struct {
	up    func(netip.Addr) bool
	proxy bool // one link address for all
	asked map[netip.Addr]*asked
	bell  chan struct{}
}

type asked struct {
	netraw.Neighbour
	due  time.Time
	told bool
}

func (l *link) AskRoute(a netip.Addr, _ netraw.Route) netraw.Neighbour {
	if l.asked[a] == nil {
		wait := 750 * time.Millisecond
		if l.up(a) {
			wait = time.Millisecond
		}
		l.asked[a] = &asked{Neighbour: netraw.Neighbour{Addr: a}, due: time.Now().Add(wait)}
	}
	return l.asked[a].Neighbour
}

func (l *link) Poll(found []netraw.Neighbour) []netraw.Neighbour {
	for a, q := range l.asked {
		if q.told || time.Now().Before(q.due) {
			continue
		}
		if q.told, q.State = true, netraw.NeighbourFailed; l.up(a) {
			q.State, q.MAC = netraw.NeighbourResolved, net.HardwareAddr{2, 0, 0, 0, 0, 1}
			if b := a.As16(); !l.proxy {
				copy(q.MAC[1:], b[11:])
			}
		}
		found = append(found, q.Neighbour)
	}
	return found
}

func (l *link) Next() (time.Duration, bool) {
	pending, wait := false, time.Hour
	for _, q := range l.asked {
		if !q.told {
			pending, wait = true, min(wait, time.Until(q.due))
		}
	}
	return max(wait, 0), pending
}

func (l *link) Ready() <-chan struct{} { return l.bell }

var _ probe.Neighbours = (*link)(nil)

// A search on the link pauses while nobody else answers, whoever polls meanwhile, and
// decides every host.
func TestSearchPausesOnTheLink(t *testing.T) {
	for name, polled := range map[string]bool{"polled meanwhile": true, "left alone": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &link{up: func(a netip.Addr) bool { return a.As4()[3]%50 == 3 }, asked: map[netip.Addr]*asked{}, bell: make(chan struct{})}
				conn := simnet.New(simnet.Config{}).Conn(2)
				defer conn.Close()
				up, down := 0, 0
				s, err := Begin(conn, Config{Hosts: hostsOf("10.0.0.0/24"), Neighbours: l}, func(h Host) error {
					if h.Up {
						up++
					} else if h.Reason == probe.ReasonNoNeighbour {
						down++
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				began := time.Now()
				if more, err := s.Next(t.Context()); !more || err != nil || up != 6 || time.Since(began) > 200*time.Millisecond {
					t.Fatalf("%v, %v, %d found after %v", more, err, up, time.Since(began))
				}
				time.Sleep(time.Second)
				if polled {
					l.Poll(nil)
				}
				resumed := time.Now()
				if more, err := s.Next(t.Context()); more || err != nil || up != 6 || down != 250 || time.Since(resumed) > 10*time.Millisecond {
					t.Errorf("%v, %v, %d found, %d not, %v after the pause", more, err, up, down, time.Since(resumed))
				}
			})
		})
	}
}

func hostsOf(prefix string) func(func(netip.Addr) bool) {
	p := netip.MustParsePrefix(prefix)
	return func(yield func(netip.Addr) bool) {
		for a := p.Addr(); p.Contains(a) && yield(a); a = a.Next() {
		}
	}
}

// Where one link address answers for very many, hosts are those that answer; a machine with a few
// addresses is up at each of them, though it answers nothing.
func TestOneLinkAddressForMany(t *testing.T) {
	for _, c := range []struct{ resolved, answering, up int }{{254, 20, 20}, {5, 0, 5}, {5, 5, 5}} {
		synctest.Test(t, func(t *testing.T) {
			l := &link{proxy: true, up: func(a netip.Addr) bool { n := int(a.As4()[3]); return n > 0 && n <= c.resolved }, asked: map[netip.Addr]*asked{}, bell: make(chan struct{})}
			world := simnet.New(simnet.Config{})
			world.Handle(netip.MustParsePrefix("10.0.0.0/24"), simnet.Dropped{})
			for n := range c.answering {
				world.HandleAddr(netip.AddrFrom4([4]byte{10, 0, 0, byte(n + 1)}).String(), simnet.Linux(80))
			}
			conn := world.Conn(2)
			defer conn.Close()
			up := 0
			_, err := Run(t.Context(), conn, Config{Hosts: hostsOf("10.0.0.0/24"), Neighbours: l}, func(h Host) error {
				if h.Up {
					up++
				} else if h.RTT != 0 {
					t.Errorf("%v is down, with a round trip of %v", h.Addr, h.RTT)
				}
				return nil
			})
			if err != nil || up < c.up || up > c.up+1 { // the one that was resolved first is believed
				t.Errorf("%+v: %d up: %v", c, up, err)
			}
		})
	}
}
