package flow_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

// icmpPacket is an ICMP error of a router that quotes a packet. Its checksums
// are left empty: captures are believed.
func icmpPacket(t testing.TB, from, to netip.Addr, typ, code uint8, quoted []byte) []byte {
	t.Helper()
	message := append([]byte{typ, code, 0, 0, 0, 0, 0, 0}, quoted...)
	if from.Is4() {
		h := make([]byte, 20)
		h[0], h[8], h[9] = 0x45, 60, 1
		binary.BigEndian.PutUint16(h[2:], uint16(20+len(message)))
		copy(h[12:], from.AsSlice())
		copy(h[16:], to.AsSlice())
		return append(h, message...)
	}
	h := make([]byte, 40)
	h[0], h[6], h[7] = 0x60, 58, 60
	binary.BigEndian.PutUint16(h[4:], uint16(len(message)))
	copy(h[8:], from.AsSlice())
	copy(h[24:], to.AsSlice())
	return append(h, message...)
}
