package wire

import (
	"encoding/binary"
	"net/netip"

	"synscope/craft"
)

// Cookie derives the numbers of a probe from what an answer to it repeats, so
// that an answer is validated by all 32 bits and without a table: SipHash-2-4
// of the addresses, the ports and the attempt under a random key per run.
type Cookie struct{ K0, K1 uint64 }

func NewCookie(key [16]byte) Cookie {
	return Cookie{binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])}
}

// Numbers are those of one transmission from src to dst.
func (c Cookie) Numbers(src, dst netip.AddrPort, attempt int) Numbers {
	var buf [36 + binary.MaxVarintLen64]byte
	n := PutAddr(buf[:], src.Addr())
	n += PutAddr(buf[n:], dst.Addr())
	binary.BigEndian.PutUint16(buf[n:], src.Port())
	binary.BigEndian.PutUint16(buf[n+2:], dst.Port())
	n += 4
	n += binary.PutUvarint(buf[n:], uint64(attempt))
	h := SipHash(c.K0, c.K1, buf[:n])
	return Numbers{Seq: craft.Seq(h), Ack: craft.Seq(h >> 32)}
}

// PutAddr writes an address into b, and returns its length.
func PutAddr(b []byte, a netip.Addr) int {
	if a.Is4() {
		v4 := a.As4()
		return copy(b, v4[:])
	}
	v6 := a.As16()
	return copy(b, v6[:])
}

// Numbers are the sequence and, for a probe with ACK, the acknowledgment
// number of one transmission.
type Numbers struct{ Seq, Ack craft.Seq }

// IPID is an IPv4 identification for the transmission.
func (n Numbers) IPID() uint16 { return uint16(n.Seq>>16) ^ uint16(n.Ack) }
