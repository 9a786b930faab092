//go:build !linux

package live

import "net/netip"

type counters struct{ drops, reverse uint64 }

func read(string) counters                     { return counters{} }
func linkDown(string) (down, known bool)       { return false, false }
func conntrack() (count, most uint64, ok bool) { return 0, 0, false }
func portsExhausted(netip.Addr) bool           { return false }

// EphemeralPorts is the range from which source ports are taken.
func EphemeralPorts() (first, last int) { return 49152, 65535 }
