package trace

import (
	"net/netip"
	"testing"

	"synscope/probe/internal/wire"
)

// Rounds leave from another port than the one that the target is half open for, whichever round it is.
func TestNextRoundsLeaveFromAnotherPort(t *testing.T) {
	ports := []uint16{1, 2, 3}
	for round := range uint64(6) {
		for was := range ports {
			w := &watcher{Hops: &wire.Hops{}, round: round, port: was}
			w.Matcher.Ports, w.Table = ports, wire.NewTable()
			s, later := new(wire.Transmission), new(wire.Transmission)
			s.Src = netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), ports[was])
			later.Src, later.Tx.Sent = s.Src, 1
			w.Table.Add(s)
			w.Table.Add(later)
			if !w.meets(s) || w.port == was {
				t.Errorf("round %d goes on from port %d, as before", round, w.port)
			}
		}
	}
}
