package probe

import (
	"encoding/binary"
	"net/netip"

	"github.com/dchest/siphash"

	"synscope/craft"
)

// cookie derives the numbers of a probe from what an answer to it repeats, so
// that an answer is validated by all 32 bits and without a table: SipHash-2-4
// of the addresses, the ports and the attempt under a random key per run.
type cookie struct{ k0, k1 uint64 }

func newCookie(key [16]byte) cookie {
	return cookie{binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])}
}

// numbers are those of one transmission from src to dst.
func (c cookie) numbers(src, dst netip.AddrPort, attempt int) numbers {
	var buf [36 + binary.MaxVarintLen64]byte
	b := appendAddr(buf[:0], src.Addr())
	b = appendAddr(b, dst.Addr())
	b = binary.BigEndian.AppendUint16(b, src.Port())
	b = binary.BigEndian.AppendUint16(b, dst.Port())
	b = binary.AppendUvarint(b, uint64(attempt))
	h := siphash.Hash(c.k0, c.k1, b)
	return numbers{seq: craft.Seq(h), ack: craft.Seq(h >> 32)}
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		v4 := a.As4()
		return append(b, v4[:]...)
	}
	v6 := a.As16()
	return append(b, v6[:]...)
}

// numbers are the sequence and, for a probe with ACK, the acknowledgment
// number of one transmission.
type numbers struct{ seq, ack craft.Seq }

// ipID is an IPv4 identification for the transmission.
func (n numbers) ipID() uint16 { return uint16(n.seq>>16) ^ uint16(n.ack) }
