package wide

import (
	"iter"
	"net/netip"

	"synscope/probe/internal/wire"
)

// RouterRate is at how many packets a second hosts may be probed in a random order
// so that the last router before each network can resolve their addresses; 0 where
// their number is no matter. routed tells whether an address lies behind a router;
// it is asked once for each network.
func RouterRate(hosts iter.Seq[netip.Addr], routed func(netip.Addr) bool) float64 {
	count := map[netip.Prefix]int{}
	total, most := 0, 0
	for a := range hosts {
		total++
		network := wire.CrowdOf(a)
		n, known := count[network]
		if !known && !routed(a) {
			n = -1 << 62
		}
		count[network] = n + 1
		most = max(most, n+1)
	}
	if most <= wire.CrowdPlaces {
		return 0
	}
	return wire.CrowdRate * float64(total) / float64(most)
}
