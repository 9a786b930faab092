package record

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"synscope/probe"
	"synscope/probe/handshake"
	"synscope/probe/rtt"
)

// Group is what became of the connections of one client, to one server or to
// one port: the record "group" of a run that read captures.
type Group struct {
	By, Key string // "client", "server" or "port", and which
	addr    netip.AddrPort

	Attempts   uint64
	Open       uint64
	Refused    uint64
	Unanswered uint64 // nothing but SYNs was captured
	Other      uint64 // rejected, or not captured well enough to be known
	Resets     uint64 // open ones that ended by RST
	Repeated   uint64 // segments retransmitted
	Trips      rtt.Distribution
}

// Groups gathers connections by one of their ends.
type Groups struct {
	by   string
	key  func(*Connection) netip.AddrPort
	list map[netip.AddrPort]*Group
}

// NewGroups gathers by "client", "server" or "port".
func NewGroups(by string) (*Groups, error) {
	key := map[string]func(*Connection) netip.AddrPort{
		"client": func(c *Connection) netip.AddrPort { return netip.AddrPortFrom(c.Source.Addr(), 0) },
		"server": func(c *Connection) netip.AddrPort { return c.Result.Target },
		"port":   func(c *Connection) netip.AddrPort { return netip.AddrPortFrom(netip.Addr{}, c.Result.Target.Port()) },
	}[by]
	if key == nil {
		return nil, fmt.Errorf("%q is none of client, server, port", by)
	}
	return &Groups{by: by, key: key, list: map[netip.AddrPort]*Group{}}, nil
}

// Add takes in a connection that is over.
func (g *Groups) Add(c *Connection) {
	key := g.key(c)
	one := g.list[key]
	if one == nil {
		one = &Group{By: g.by, Key: groupName(key), addr: key}
		g.list[key] = one
	}
	one.add(c)
}

// groupName is an address, a port, or both.
func groupName(key netip.AddrPort) string {
	switch {
	case !key.Addr().IsValid():
		return strconv.Itoa(int(key.Port()))
	case key.Port() == 0:
		return key.Addr().String()
	}
	return key.String()
}

func (g *Group) add(c *Connection) {
	g.Attempts++
	switch {
	case c.State == probe.StateOpen:
		g.Open++
		if c.Close == handshake.CloseByReset {
			g.Resets++
		}
	case c.State == probe.StateRefused:
		g.Refused++
	case c.Reason == probe.ReasonNoResponse:
		g.Unanswered++
	default:
		g.Other++
	}
	g.Repeated += uint64(c.Captured.ClientRetransmission + c.Captured.ServerRetransmission)
	if trip := roundTrip(c); trip > 0 {
		g.Trips.Add(trip)
	}
}

// roundTrip is the connection's first, wherever the capture was made; 0 unknown.
// Where the ends cannot be told from the place between them, it is from the SYN
// to the ACK that completes the handshake: both parts of the way together.
func roundTrip(c *Connection) time.Duration {
	for _, m := range []Maybe[time.Duration]{c.RTT, c.ServerRTT} {
		if d, ok := m.Get(); ok {
			return d
		}
	}
	d, _ := c.Captured.SYNToACK.Get()
	return d
}

// List is the groups, those with the most attempts first.
func (g *Groups) List() []*Group {
	list := make([]*Group, 0, len(g.list))
	for _, one := range g.list {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b *Group) int {
		return cmp.Or(cmp.Compare(b.Attempts, a.Attempts), a.addr.Compare(b.addr))
	})
	return list
}

// Type is "group".
func (*Group) Type() string { return "group" }

func (g *Group) Fields(w FieldWriter) {
	w.Str("by", g.By)
	w.Str("key", g.Key)
	w.Uint("attempts", g.Attempts)
	w.Uint("open", g.Open)
	w.Uint("refused", g.Refused)
	w.Uint("unanswered", g.Unanswered)
	w.Uint("other", g.Other)
	w.Float("open_share", g.Share(g.Open))
	w.Uint("resets", g.Resets)
	w.Uint("retransmissions", g.Repeated)
	if n := g.Trips.N(); n > 0 {
		w.Uint("rtts", n)
		w.Nanoseconds("p50_ns", g.Trips.Percentile(50))
		w.Nanoseconds("p95_ns", g.Trips.Percentile(95))
		w.Nanoseconds("p99_ns", g.Trips.Percentile(99))
		w.Nanoseconds("max_ns", g.Trips.Max())
	}
}

// Share is n as a share of the attempts, from 0 to 1.
func (g *Group) Share(n uint64) float64 { return float64(n) / float64(g.Attempts) }
