package discover

import "synscope/probe"

// A router may answer address resolution for every address of a network, whether a host has
// it or not (proxy ARP, RFC 1027; cloud networks, private VLANs, hotspots). A link address
// that answers for one more proves nothing of that one: such a host is asked by segments, as those
// behind a router are. Where one link address has only a few, it is a machine with several
// addresses, and up though it keeps silent.

// ManyAddresses is how many a link address answers for before it is taken for such a router's.
const ManyAddresses = 8

// sharedLink counts the addresses that each link address answered for.
type sharedLink map[string]int

// shares takes note of a host that was resolved, and tells whether its link address is another's too.
func (s sharedLink) shares(h *host) bool {
	mac := string(h.MAC)
	s[mac]++
	return len(h.MAC) > 0 && !h.believed && s[mac] > 1
}

// resolvedAlone tells whether a host that keeps silent is up for its link address, which
// it has answered for.
func (s sharedLink) resolvedAlone(h *host) bool {
	return len(h.MAC) > 0 && !h.believed && s[string(h.MAC)] < ManyAddresses
}

// upByLink decides a host that has a link address.
func (e *engine) upByLink(h *host) { e.up(h, probe.NeighbourReason(h.Addr)) }
