package simnet

import (
	"cmp"
	"net/netip"
	"slices"
)

// registry finds the host behind an address: the longest matching prefix wins,
// and of equal prefixes the one added last.
type registry struct {
	entries []registration // longest prefix first
}

type registration struct {
	prefix netip.Prefix
	host   Host // one for the whole prefix, or
	make   func(netip.Addr) Host
	made   map[netip.Addr]Host
}

func (r *registry) add(reg registration) {
	r.entries = slices.Insert(r.entries, 0, reg)
	slices.SortStableFunc(r.entries, func(a, b registration) int {
		return cmp.Compare(b.prefix.Bits(), a.prefix.Bits())
	})
}

// find returns nil where nothing is.
func (r *registry) find(a netip.Addr) Host {
	for i := range r.entries {
		if r.entries[i].prefix.Contains(a) {
			return r.entries[i].at(a)
		}
	}
	return nil
}

func (reg *registration) at(a netip.Addr) Host {
	if reg.make == nil {
		return reg.host
	}
	host, ok := reg.made[a]
	if !ok {
		host = reg.make(a)
		reg.made[a] = host
	}
	return host
}

// Handle puts one host behind all addresses of a prefix; it tells them apart
// by the segment's destination. The longest prefix decides. Nothing is kept
// for addresses that are not contacted.
func (n *Net) Handle(prefix netip.Prefix, host Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts.add(registration{prefix: prefix.Masked(), host: host})
}

// HandleEach puts a host of its own behind each address of a prefix. It is
// made when the address is first contacted, and kept.
func (n *Net) HandleEach(prefix netip.Prefix, make func(netip.Addr) Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts.add(registration{prefix: prefix.Masked(), make: make, made: map[netip.Addr]Host{}})
}

// HandleAddr is Handle for a single address, written as text. It panics if
// that is not an address.
func (n *Net) HandleAddr(addr string, host Host) {
	a := netip.MustParseAddr(addr)
	n.Handle(netip.PrefixFrom(a, a.BitLen()), host)
}
