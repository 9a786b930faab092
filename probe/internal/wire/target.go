package wire

import (
	"iter"
	"net/netip"
	"slices"
)

// Unmapped is a target as it is probed. An IPv4 address that is mapped into IPv6, as those of
// net.IP and net.TCPAddr are, is none of a packet: it stands for the IPv4 address (RFC 4291 §2.5.5.2).
func Unmapped(target netip.AddrPort) netip.AddrPort {
	if !target.Addr().Is4In6() {
		return target
	}
	return netip.AddrPortFrom(target.Addr().Unmap(), target.Port())
}

// EachUnmapped are targets as they are probed.
func EachUnmapped(targets iter.Seq[netip.AddrPort]) iter.Seq[netip.AddrPort] {
	return func(yield func(netip.AddrPort) bool) {
		for t := range targets {
			if !yield(Unmapped(t)) {
				return
			}
		}
	}
}

// AllUnmapped are targets as they are probed.
func AllUnmapped(targets []netip.AddrPort) []netip.AddrPort {
	return slices.Collect(EachUnmapped(slices.Values(targets)))
}

// Told is a sink that may be nil: then nobody is told.
func Told[T any](sink func(T) error) func(T) error {
	if sink == nil {
		return func(T) error { return nil }
	}
	return sink
}
