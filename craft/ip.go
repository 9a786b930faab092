package craft

import "net/netip"

const protocolAH = 51

// ipHeader is what the transport layer needs of either IP version.
type ipHeader struct {
	src, dst  netip.Addr
	ttl, tos  uint8
	id        uint16
	df        bool
	flowLabel uint32
	protocol  uint8  // of payload: behind all extension headers
	offset    uint16 // of payload in the unfragmented packet, in units of 8 bytes
	more      bool   // fragments follow
	payload   []byte
}

// decode reads a packet of which all bytes must be there.
func (h *ipHeader) decode(b []byte, c Checksums) error {
	n, total, err := claimedLengths(b)
	switch {
	case err != nil:
		return err
	case total < n:
		return ErrMalformed
	case total > len(b):
		return ErrTruncated
	case c == VerifyChecksums && version(b) == 4 && fold(partialSum(b[:n])) != 0xffff:
		return ErrChecksum
	}
	return h.decodeBytes(b[:total])
}

// decodeQuote reads the beginning of a packet. Its length field bounds the
// quote only where it is plausible: some stacks return it in host byte order
// or without the header.
func (h *ipHeader) decodeQuote(b []byte) error {
	n, total, err := claimedLengths(b)
	if err != nil {
		return err
	}
	if total >= n+minQuotedTCP && total < len(b) {
		b = b[:total]
	}
	return h.decodeBytes(b)
}

// claimedLengths returns the lengths in bytes of the fixed header with its
// IPv4 options, which b does hold, and of the packet, which b may not.
func claimedLengths(b []byte) (header, total int, err error) {
	switch version(b) {
	case 4:
		return claimedLengthsIPv4(b)
	case 6:
		return claimedLengthsIPv6(b)
	case 0:
		return 0, 0, ErrTruncated
	}
	return 0, 0, ErrMalformed
}

// version returns the IP version, or 0 for no bytes.
func version(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	if v := int(b[0] >> 4); v != 0 {
		return v
	}
	return -1
}

func (h *ipHeader) decodeBytes(b []byte) error {
	if version(b) == 4 {
		return h.decodeIPv4(b)
	}
	return h.decodeIPv6(b)
}

// upperLayerSumOK verifies the checksum of TCP, ICMP or ICMPv6; only ICMP for
// IPv4 does without a pseudo-header (RFC 792, RFC 4443 §2.3).
func (h *ipHeader) upperLayerSumOK() bool {
	return fold(h.upperLayerSum()) == 0xffff
}

func (h *ipHeader) upperLayerSum() uint64 {
	sum := partialSum(h.payload)
	if h.protocol != protocolICMP {
		sum += pseudoSum(h.src, h.dst, h.protocol, len(h.payload))
	}
	return sum
}

// skipAH returns what follows an authentication header, whose length is in
// words of 4 bytes less 2 (RFC 4302 §2.2), and the protocol of that. In IPv6 the
// length is a multiple of 8 bytes, in IPv4 of 4.
func skipAH(b []byte, multiple int) (next uint8, rest []byte, err error) {
	if len(b) < 2 {
		return 0, nil, ErrTruncated
	}
	n := (int(b[1]) + 2) * 4
	if n < 12 || n%multiple != 0 {
		return 0, nil, ErrMalformed
	}
	if n > len(b) {
		return 0, nil, ErrTruncated
	}
	return b[0], b[n:], nil
}
