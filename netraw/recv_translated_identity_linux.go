package netraw

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"

	"golang.org/x/sys/unix"
)

// identified is how much of what follows the IP headers tells one packet from another:
// a TCP header with its checksum, or an ICMP header with its own and what it quotes. A
// first fragment is the packet that the kernel puts together of it and others.
const identified = 20

// identity names a packet by its addresses and what follows the IP headers: raw IPv6
// sockets leave these out.
func identity(seed maphash.Seed, pkt []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	_, upper := upperLayer(pkt)
	if upper == nil {
		return 0
	}
	h.Write(addressesOf(pkt))
	h.Write(upper[:min(len(upper), identified)])
	return h.Sum64()
}

// addressesOf are both addresses of a packet with a whole IP header.
func addressesOf(pkt []byte) []byte {
	if pkt[0]>>4 == 4 {
		return pkt[12:20]
	}
	return pkt[8:40]
}

// sameSegment reports whether two packets are one TCP segment under different addresses,
// by its numbers and flags.
func sameSegment(a, b []byte) bool {
	x, y := segmentOf(a), segmentOf(b)
	return len(x) >= 14 && len(y) >= 14 && string(x[4:14]) == string(y[4:14])
}

// sourceOf is where a TCP segment says that it comes from.
func sourceOf(pkt []byte) netip.AddrPort {
	addresses := addressesOf(pkt)
	src, _ := netip.AddrFromSlice(addresses[:len(addresses)/2])
	return netip.AddrPortFrom(src, binary.BigEndian.Uint16(segmentOf(pkt)))
}

// segmentOf is the TCP segment of a packet, nil of any other.
func segmentOf(pkt []byte) []byte {
	if protocol, upper := upperLayer(pkt); protocol == unix.IPPROTO_TCP {
		return upper
	}
	return nil
}

// upperLayer is the protocol behind the IP headers and what follows them, nil where
// they are cut.
func upperLayer(pkt []byte) (protocol byte, upper []byte) {
	protocol, at := transportOf(pkt)
	if at == 0 || at > len(pkt) {
		return 0, nil
	}
	end := int(binary.BigEndian.Uint16(pkt[2:]))
	if pkt[0]>>4 == 6 {
		end = ipv6Header + int(binary.BigEndian.Uint16(pkt[4:]))
	}
	upper = pkt[at:]
	if end > at && end < len(pkt) {
		upper = pkt[at:end] // Ethernet pads short packets
	}
	for pkt[0]>>4 == 6 && isExtension(protocol) {
		length := 8
		if len(upper) >= 2 && protocol != unix.IPPROTO_FRAGMENT {
			length += int(upper[1]) * 8
		}
		if len(upper) < length {
			return 0, nil
		}
		protocol, upper = upper[0], upper[length:]
	}
	return protocol, upper
}

// isExtension tells of the extension headers that the kernel takes off before TCP
// (RFC 8200 §4).
func isExtension(protocol byte) bool {
	switch protocol {
	case unix.IPPROTO_HOPOPTS, unix.IPPROTO_ROUTING, unix.IPPROTO_FRAGMENT, unix.IPPROTO_DSTOPTS:
		return true
	}
	return false
}
