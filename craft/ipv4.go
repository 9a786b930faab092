package craft

import (
	"encoding/binary"
	"net/netip"
)

func claimedLengthsIPv4(b []byte) (header, total int, err error) {
	if len(b) < ipv4HeaderLen {
		return 0, 0, ErrTruncated
	}
	header = int(b[0]&0xf) * 4
	if header < ipv4HeaderLen {
		return 0, 0, ErrMalformed
	}
	if header > len(b) {
		return 0, 0, ErrTruncated
	}
	return header, int(binary.BigEndian.Uint16(b[2:])), nil
}

// decodeIPv4 reads a header whose lengths have been checked (RFC 791 §3.1).
// Its options are passed over.
func (h *ipHeader) decodeIPv4(b []byte) error {
	fragment := binary.BigEndian.Uint16(b[6:])
	*h = ipHeader{
		src:      netip.AddrFrom4([4]byte(b[12:])),
		dst:      netip.AddrFrom4([4]byte(b[16:])),
		ttl:      b[8],
		tos:      b[1],
		id:       binary.BigEndian.Uint16(b[4:]),
		df:       fragment&0x4000 != 0,
		more:     fragment&0x2000 != 0,
		offset:   fragment & 0x1fff,
		protocol: b[9],
		payload:  b[int(b[0]&0xf)*4:],
	}
	for h.protocol == protocolAH && h.offset == 0 {
		next, rest, err := skipAH(h.payload, 4)
		if err != nil {
			return err
		}
		h.protocol, h.payload = next, rest
	}
	return nil
}
