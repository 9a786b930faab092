package simnet

import (
	"encoding/binary"
	"slices"
	"time"

	"synscope/craft"
	"synscope/internal/mutate"
)

// Fragmented is a host whose segments and ICMP errors come in fragments of the given
// number of bytes behind the IP header, a multiple of 8 (RFC 791 §2.3, RFC 8200 §4.5).
func Fragmented(h Host, size int) Host {
	return HostFunc(func(now time.Time, in *craft.Segment, out Emitter) {
		h.Respond(now, in, wrapped{
			Emitter: out,
			segment: func(after time.Duration, s *craft.Segment, out Emitter) {
				b, err := s.AppendTo(nil)
				split(after, b, err, ipHeaderLen(s.Src.Addr()), size, out)
			},
			icmp: func(after time.Duration, m *ICMP, out Emitter) {
				b, err := m.AppendTo(nil)
				split(after, b, err, ipHeaderLen(m.Quote.Src.Addr()), size, out)
			},
		})
	})
}

// split sends a packet with so many bytes of IP header in fragments of a size.
func split(after time.Duration, b []byte, err error, n, size int, out Emitter) {
	if err != nil {
		return
	}
	for from := 0; from < len(b)-n; from += size {
		out.Raw(after, fragment(b, n, from, min(from+size, len(b)-n)))
	}
}

// fragment is what lies from and to so many bytes behind the n bytes of a packet's IP
// header. Its identification is the checksum of a segment.
func fragment(b []byte, n, from, to int) []byte {
	id, place := b[n+16:n+18], uint16(from)
	if to < len(b)-n {
		place |= 1
	}
	if n == 40 {
		f := slices.Concat(b[:n], binary.BigEndian.AppendUint16([]byte{b[6], 0}, place), []byte{0, 0}, id, b[n+from:n+to])
		f[6] = 44
		binary.BigEndian.PutUint16(f[4:], uint16(len(f)-n))
		return f
	}
	f := slices.Concat(b[:n], b[n+from:n+to])
	binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
	copy(f[4:], id)
	binary.BigEndian.PutUint16(f[6:], place>>3|place<<13)
	f[10], f[11] = 0, 0
	binary.BigEndian.PutUint16(f[10:], ^mutate.Sum(f[:n], 0))
	return f
}
