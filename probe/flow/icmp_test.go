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
		binary.BigEndian.PutUint16(h[10:], sumOf(h))
		binary.BigEndian.PutUint16(message[2:], sumOf(message))
		return append(h, message...)
	}
	h := make([]byte, 40)
	h[0], h[6], h[7] = 0x60, 58, 60
	binary.BigEndian.PutUint16(h[4:], uint16(len(message)))
	copy(h[8:], from.AsSlice())
	copy(h[24:], to.AsSlice())
	pseudo := append(append([]byte(nil), h[8:]...), 0, 58, byte(len(message)>>8), byte(len(message))) // RFC 8200 §8.1, in another order
	binary.BigEndian.PutUint16(message[2:], sumOf(append(pseudo, message...)))
	return append(h, message...)
}

// sumOf is the checksum of b (RFC 1071).
func sumOf(b []byte) uint16 {
	sum := 0
	for i, v := range b {
		sum += int(v) << (8 * ((i + 1) % 2))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
