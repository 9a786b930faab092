package craft

import (
	"encoding/binary"
	"net/netip"
)

// IPv6 extension headers (IANA, IPv6 Extension Header Types).
const (
	headerHopByHop    = 0
	headerRouting     = 43
	headerFragment    = 44
	headerDestination = 60
	headerMobility    = 135
	headerHIP         = 139
	headerShim6       = 140
)

func claimedLengthsIPv6(b []byte) (header, total int, err error) {
	if len(b) < ipv6HeaderLen {
		return 0, 0, ErrTruncated
	}
	return ipv6HeaderLen, ipv6HeaderLen + int(binary.BigEndian.Uint16(b[4:])), nil
}

// decodeIPv6 reads a header whose lengths have been checked (RFC 8200 §3), and
// the extension headers behind it.
func (h *ipHeader) decodeIPv6(b []byte) error {
	first := binary.BigEndian.Uint32(b)
	*h = ipHeader{
		src:       netip.AddrFrom16([16]byte(b[8:])),
		dst:       netip.AddrFrom16([16]byte(b[24:])),
		ttl:       b[7],
		tos:       uint8(first >> 20),
		flowLabel: first & 0xfffff,
		protocol:  b[6],
		payload:   b[ipv6HeaderLen:],
	}
	for h.offset == 0 && isExtension(h.protocol) {
		if err := h.skipExtension(); err != nil {
			return err
		}
	}
	return nil
}

func isExtension(next uint8) bool {
	switch next {
	case headerHopByHop, headerRouting, headerFragment, headerDestination,
		headerMobility, headerHIP, headerShim6, protocolAH:
		return true
	}
	return false
}

// skipExtension moves payload behind its first extension header. Lengths are
// in words of 8 bytes less 1 (RFC 6564 §4), but for two older headers.
func (h *ipHeader) skipExtension() error {
	b := h.payload
	if h.protocol == protocolAH {
		next, rest, err := skipAH(b, 8)
		h.protocol, h.payload = next, rest
		return err
	}
	if len(b) < 8 {
		return ErrTruncated
	}
	n := (int(b[1]) + 1) * 8
	if h.protocol == headerFragment {
		n = 8
		word := binary.BigEndian.Uint16(b[2:])
		h.offset, h.more = word>>3, h.more || word&1 != 0 // a second header takes nothing back
	}
	if n > len(b) {
		return ErrTruncated
	}
	h.protocol, h.payload = b[0], b[n:]
	return nil
}
