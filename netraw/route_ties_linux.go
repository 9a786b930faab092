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
	to    map[flowPair]tie
}

// flowPair is a pair of addresses without zones, and the ports of one connection or
// none.
type flowPair struct {
	src, dst netip.Addr
	ports    flowPorts
}

// tie is the interface. IPv6 heeds it among next hops only for packets whose source it
// is not told: RT6_LOOKUP_F_IFACE in net/ipv6/route.c.
type tie struct {
	ifindex    int
	sourceless bool
}

const (
	maxTies = 1 << 18
	// tiedTwice marks one pair of addresses in two zones.
	tiedTwice = -1
)

func (t *ties) tie(src, dst netip.Addr, ports flowPorts, to tie) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.to == nil || len(t.to) >= maxTies {
		t.to = make(map[flowPair]tie)
	}
	pair := flowPair{src, dst.WithZone(""), ports}
	if was, tied := t.to[pair]; tied && was.ifindex != to.ifindex && dst.Zone() != "" {
		to.ifindex = tiedTwice
	}
	t.to[pair] = to
	t.any.Store(true)
	if ports != (flowPorts{}) {
		t.flows.Store(true)
	}
}

// of returns that of a packet between these: its interface 0 for any, or tiedTwice.
func (t *ties) of(src, dst netip.Addr, pkt []byte) tie {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.flows.Load() {
		if to, tied := t.to[flowPair{src, dst, portsOf(pkt)}]; tied {
			return to
		}
	}
	return t.to[flowPair{src, dst, flowPorts{}}]
}

// portsOf are those of a packet, none of one that is not plain TCP.
func portsOf(pkt []byte) flowPorts {
	tcp := segmentOf(pkt)
	if len(tcp) < 4 {
		return flowPorts{}
	}
	return flowPorts{binary.BigEndian.Uint16(tcp), binary.BigEndian.Uint16(tcp[2:])}
}
