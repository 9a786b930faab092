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
	n := putAddr(buf[:], src.Addr())
	n += putAddr(buf[n:], dst.Addr())
	binary.BigEndian.PutUint16(buf[n:], src.Port())
	binary.BigEndian.PutUint16(buf[n+2:], dst.Port())
	n += 4
	n += binary.PutUvarint(buf[n:], uint64(attempt))
	h := siphash.Hash(c.k0, c.k1, buf[:n])
	return numbers{seq: craft.Seq(h), ack: craft.Seq(h >> 32)}
}

// putAddr writes an address into b, and returns its length.
func putAddr(b []byte, a netip.Addr) int {
	if a.Is4() {
		v4 := a.As4()
		return copy(b, v4[:])
	}
	v6 := a.As16()
	return copy(b, v6[:])
}

// numbers are the sequence and, for a probe with ACK, the acknowledgment
// number of one transmission.
type numbers struct{ seq, ack craft.Seq }

// ipID is an IPv4 identification for the transmission.
func (n numbers) ipID() uint16 { return uint16(n.seq>>16) ^ uint16(n.ack) }
