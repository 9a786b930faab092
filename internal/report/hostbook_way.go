package report

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// way is the hops towards a port.
type way struct {
	port uint16
	hops []*Hop
}

// answers are the hops that answered, in order, each address of a TTL once with
// the shortest of its times.
func (w *way) answers() (list []*Hop) {
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
		case h.sooner(list[i]):
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
func (h *Hop) sooner(other *Hop) bool {
	mine, ok := h.trusted()
	theirs, known := other.trusted()
	return ok && (!known || mine < theirs)
}

// words is what had happened to a probe when it came to the hop.
func (h *Hop) words() string {
	return fmt.Sprintf("hop %d, %s: %s", h.TTL, h.Addr, strings.Join(h.changes(), ", "))
}

// trusted is the hop's time, where it was measured and nothing speaks against
// it.
func (h *Hop) trusted() (time.Duration, bool) {
	rtt, ok := h.RTT.Get()
	return rtt, ok && h.Doubt == ""
}
