package flow

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// key names a pair of endpoints, whichever of them sent: the lower one comes
// first. It is flat bytes, which hash several times faster than a pair of
// netip.AddrPort.
type key [36]byte

// keyOf returns the key of two endpoints, and whether src is the second.
func keyOf(src, dst netip.AddrPort) (k key, swapped bool) {
	a, b := src.Addr().As16(), dst.Addr().As16()
	order := bytes.Compare(a[:], b[:])
	if order > 0 || order == 0 && src.Port() > dst.Port() {
		a, b, src, dst, swapped = b, a, dst, src, true
	}
	copy(k[:16], a[:])
	copy(k[16:32], b[:])
	binary.BigEndian.PutUint16(k[32:], src.Port())
	binary.BigEndian.PutUint16(k[34:], dst.Port())
	return k, swapped
}

// endpoints are those that the key names, the lower one first.
func (k *key) endpoints() (first, second netip.AddrPort) {
	a, b := netip.AddrFrom16([16]byte(k[:16])).Unmap(), netip.AddrFrom16([16]byte(k[16:32])).Unmap()
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(k[32:])), netip.AddrPortFrom(b, binary.BigEndian.Uint16(k[34:]))
}

// self reports whether both endpoints are one.
func (k *key) self() bool {
	return [16]byte(k[:16]) == [16]byte(k[16:32]) && [2]byte(k[32:34]) == [2]byte(k[34:])
}
