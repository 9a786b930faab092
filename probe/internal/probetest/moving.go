package probetest

import (
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe/simnet"
)

// Moving is a network whose route moves to another uplink, with another address of
// ours, a while after the first has died: what leaves from the first goes nowhere
// then, nothing comes back there, and nobody says so but the kernel's notification.
type Moving struct {
	*simnet.Conn
	Dies, Moves time.Time
	From, To    netip.Addr // both are simnet.Config.Sources
	Told        bool       // the kernel tells of changes
}

// Two are the addresses of two uplinks.
var Two = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("203.0.113.1")}

// NewMoving is such a network, of a world with the addresses Two.
func NewMoving(c *simnet.Conn, dies, moves time.Duration) *Moving {
	now := time.Now()
	return &Moving{Conn: c, Dies: now.Add(dies), Moves: now.Add(moves), From: Two[0], To: Two[1], Told: true}
}

func (m *Moving) moved() bool { return !time.Now().Before(m.Moves) }

// Route is by the uplink of the moment.
func (m *Moving) Route(dst netip.Addr) (netraw.Route, error) {
	route, err := m.Conn.Route(dst)
	if route.Source = m.From; m.moved() {
		route.Source = m.To
	}
	return route, err
}

// RouteChanges is as that of [netraw.Conn].
func (m *Moving) RouteChanges() uint64 {
	if m.Told && m.moved() {
		return 1
	}
	return 0
}

// Poll and Recv lose what comes back to the uplink that is dead.
func (m *Moving) Poll(pkts []netraw.Packet) (int, error) { return m.without(pkts, m.Conn.Poll) }

func (m *Moving) Recv(pkts []netraw.Packet) (int, error) {
	for {
		if n, err := m.without(pkts, m.Conn.Recv); n > 0 || err != nil {
			return n, err
		}
	}
}

func (m *Moving) without(pkts []netraw.Packet, receive func([]netraw.Packet) (int, error)) (left int, err error) {
	n, err := receive(pkts)
	for _, p := range pkts[:n] {
		if time.Now().Before(m.Dies) || netip.AddrFrom4([4]byte(p.Data[16:20])) != m.From {
			pkts[left] = p
			left++
		}
	}
	return left, err
}

// Send loses what leaves by the uplink that is dead.
func (m *Moving) Send(pkts [][]byte) (int, error) {
	if time.Now().Before(m.Dies) {
		return m.Conn.Send(pkts)
	}
	for i, p := range pkts {
		if netip.AddrFrom4([4]byte(p[12:16])) == m.From {
			continue
		}
		if _, err := m.Conn.Send(pkts[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(pkts), nil
}
