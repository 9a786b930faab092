package nmap

import (
	"net/netip"
	"time"

	"synscope/internal/report/record"
)

// way is the hops towards a port.
type way struct {
	port uint16
	hops []*record.Hop
}

// answers are the hops that answered, in order, each address of a TTL once with
// the shortest of its times.
func (w *way) answers() (list []*record.Hop) {
	best := map[hopKey]int{}
	for _, h := range w.hops {
		if !h.Addr.IsValid() {
			continue
		}
		key := hopKey{h.TTL, h.Addr}
		i, known := best[key]
		switch {
		case !known:
			best[key] = len(list)
			list = append(list, h)
		case sooner(h, list[i]):
			list[i] = h
		}
	}
	return list
}

// hopKey is a router at its place.
type hopKey struct {
	ttl  int
	addr netip.Addr
}

// sooner tells whether h has a time to trust that is shorter than that of
// another, or that the other has not.
func sooner(h *record.Hop, other *record.Hop) bool {
	mine, ok := trusted(h)
	theirs, known := trusted(other)
	return ok && (!known || mine < theirs)
}

// trusted is the hop's time, where it was measured and nothing speaks against
// it.
func trusted(h *record.Hop) (time.Duration, bool) {
	rtt, ok := h.RTT.Get()
	return rtt, ok && h.Doubt == ""
}
