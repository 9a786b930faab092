package netraw

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
)

// ties remembers through which interface what is sent has to leave, where the
// packet alone does not say: for link-local destinations, whose zone is not on
// the wire, and where a route has several next hops, of which the kernel might
// choose another for the packet than it told of. A source address that belongs
// to one way out must not leave by the other (BCP 38).
//
// Router.route ties, the sender looks up; so they are two goroutines'.
type ties struct {
	any   atomic.Bool // false: nothing is tied, and the common case costs no lock
	flows atomic.Bool // something is by ports
	mu    sync.RWMutex
	to    map[flowPair]int
}

// flowPair is a pair of addresses without zones, and the ports of one connection or
// none.
type flowPair struct {
	src, dst netip.Addr
	ports    flowPorts
}

const (
	maxTies = 1 << 18
	// tiedTwice marks one pair of addresses in two zones.
	tiedTwice = -1
)

func (t *ties) tie(src, dst netip.Addr, ports flowPorts, ifindex int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.to == nil || len(t.to) >= maxTies {
		t.to = make(map[flowPair]int)
	}
	pair := flowPair{src, dst.WithZone(""), ports}
	if was, tied := t.to[pair]; tied && was != ifindex && dst.Zone() != "" {
		ifindex = tiedTwice
	}
	t.to[pair] = ifindex
	t.any.Store(true)
	if ports != (flowPorts{}) {
		t.flows.Store(true)
	}
}

// of returns the interface of a packet between these, 0 for any, or tiedTwice.
func (t *ties) of(src, dst netip.Addr, pkt []byte) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.flows.Load() {
		if ifindex, tied := t.to[flowPair{src, dst, portsOf(pkt)}]; tied {
			return ifindex
		}
	}
	return t.to[flowPair{src, dst, flowPorts{}}]
}

// portsOf are those of a packet, none of one that is not plain TCP.
func portsOf(pkt []byte) flowPorts {
	_, tcp := segmentOf(pkt)
	if len(tcp) < 4 {
		return flowPorts{}
	}
	return flowPorts{binary.BigEndian.Uint16(tcp), binary.BigEndian.Uint16(tcp[2:])}
}
