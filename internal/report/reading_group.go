package report

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"synscope/probe"
	"synscope/probe/flow"
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
	Repeated   uint64 // segments sent again
	trips      rtt.Distribution
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
		g.trips.Add(trip)
	}
}

// roundTrip is the connection's first, wherever the capture was made; 0 unknown.
func roundTrip(c *Connection) time.Duration {
	for _, m := range []Maybe[time.Duration]{c.RTT, c.ServerRTT} {
		if d, ok := m.Get(); ok {
			return d
		}
	}
	if d, ok := c.Captured.SYNToACK.Get(); ok && c.Captured.View == flow.ViewBetween {
		return d
	}
	return 0
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

func (g *Group) fields(w fieldWriter) {
	w.str("by", g.By)
	w.str("key", g.Key)
	w.uint("attempts", g.Attempts)
	w.uint("open", g.Open)
	w.uint("refused", g.Refused)
	w.uint("unanswered", g.Unanswered)
	w.uint("other", g.Other)
	w.float("open_share", g.share(g.Open))
	w.uint("resets", g.Resets)
	w.uint("retransmissions", g.Repeated)
	if n := g.trips.N(); n > 0 {
		w.uint("rtts", n)
		w.nanoseconds("p50_ns", g.trips.Percentile(50))
		w.nanoseconds("p95_ns", g.trips.Percentile(95))
		w.nanoseconds("p99_ns", g.trips.Percentile(99))
		w.nanoseconds("max_ns", g.trips.Max())
	}
}

func (g *Group) share(n uint64) float64 { return float64(n) / float64(g.Attempts) }

// The columns of a table of groups.
var groupColumns = []struct {
	name string
	wide int
}{
	{"ATTEMPTS", 8}, {"OPEN", 7}, {"REFUSED", 7}, {"UNANSWERED", 10}, {"OTHER", 7}, {"RESET", 6}, {"AGAIN", 6},
	{"RTT P50", 9}, {"P95", 9}, {"P99", 9},
}

func (g *Group) text(t *textSink) (lines []string) {
	cells := []string{
		Count(g.Attempts), g.percent(g.Open), g.percent(g.Refused), g.percent(g.Unanswered), g.percent(g.Other),
		Count(g.Resets), Count(g.Repeated), g.trip(50), g.trip(95), g.trip(99),
	}
	heads := make([]string, len(cells))
	for i, column := range groupColumns {
		heads[i], cells[i] = leftPadded(column.name, column.wide), leftPadded(cells[i], column.wide)
	}
	const wide = len("[2001:db8:1234:5678:9abc:def0:1234:5678]:65535")
	if !t.headed {
		t.headed = true
		lines = append(lines, t.paint.paint(dim, padded(strings.ToUpper(g.By), wide)+"  "+strings.Join(heads, "  ")))
	}
	return append(lines, padded(g.Key, wide)+"  "+strings.Join(cells, "  "))
}

// percent is a share of the attempts, "-" for none.
func (g *Group) percent(n uint64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*g.share(n))
}

func (g *Group) trip(p float64) string {
	if g.trips.N() == 0 {
		return "-"
	}
	return Duration(g.trips.Percentile(p))
}
