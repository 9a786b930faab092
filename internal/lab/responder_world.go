//go:build linux

package lab

import (
	"encoding/binary"
	"net/netip"
)

// World is a synthetic internet: every TCP port of every address has a fate
// that follows from the address and the port alone. It is the exact oracle of
// the [Responder] that answers for it.
type World struct {
	Seed    uint64
	Open    float64 // share of ports that answer SYN with SYN-ACK
	Refused float64 // share of ports that answer it with RST
}

// Fate returns what becomes of a SYN for a port: Opened, Refused or Dropped.
func (w World) Fate(a netip.AddrPort) Fate {
	share := w.hash(a) & 0xffffffff
	switch open, answered := w.limits(); {
	case share < open:
		return Opened
	case share < answered:
		return Refused
	}
	return Dropped
}

// ISN returns the initial sequence number of an open port: always the same.
func (w World) ISN(a netip.AddrPort) uint32 { return uint32(w.hash(a) >> 32) }

// limits are the shares in 2^32 parts: below the first open, below the second
// open or refused.
func (w World) limits() (open, answered uint64) {
	return uint64(w.Open * (1 << 32)), uint64((w.Open + w.Refused) * (1 << 32))
}

// hash is that of responderbpf/responder.c.
func (w World) hash(a netip.AddrPort) uint64 {
	port := uint64(a.Port())
	if addr := a.Addr(); addr.Is4() {
		b := addr.As4()
		return mix(mix(w.Seed, uint64(binary.BigEndian.Uint32(b[:]))), 4<<16|port)
	}
	b := a.Addr().As16()
	h := mix(w.Seed, binary.BigEndian.Uint64(b[:8]))
	h = mix(h, binary.BigEndian.Uint64(b[8:]))
	return mix(h, 6<<16|port)
}

// mix is the finalizer of MurmurHash3, chained.
func mix(h, v uint64) uint64 {
	h ^= v
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
