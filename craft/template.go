package craft

import (
	"encoding/binary"
	"net/netip"
)

// A Template is a finished packet of which a few fields vary. It is built once
// by [Segment.AppendTo] and then stamped out: the fields are written, and the
// checksums updated from theirs. A Template does not change once made and may
// be shared between goroutines.
//
// The update is RFC 1624 §3, equation 3: HC' = ~(~HC + ~m + m'). The packet is
// kept with its varying fields zero, so ~m is a negative zero and drops out,
// and what is left is adding the new fields to ~HC. ~HC itself is never zero,
// because every sum here includes the protocol number and a length; so the sum
// folds to zero for no fields, and the result is the checksum a full
// computation gives, never 0xffff in place of 0x0000.
type Template struct {
	packet    []byte // varying fields and checksums zero
	defaults  Fields // Src, Dst and TTL of the segment
	ip        int    // length of the IP header
	tsval     int    // offset of TSval in the TCP header, 0 where there is none
	headerSum uint64 // ~HC of the IPv4 header
	tcpSum    uint64 // ~HC of the TCP header
}

// Fields are what varies from one packet of a [Template] to the next.
type Fields struct {
	Src, Dst netip.AddrPort // of the template's IP version; the zero value stands for the template's
	Seq, Ack Seq
	ID       uint16 // ignored for IPv6
	TTL      uint8  // zero stands for the template's
	TSval    uint32 // ignored where the template has no timestamp option
}

// NewTemplate builds the packet of s once. It fails as [Segment.AppendTo] does.
// Of s, the fields named in [Fields] are not kept, but for addresses and TTL.
func NewTemplate(s Segment) (*Template, error) {
	t := &Template{defaults: Fields{Src: s.Src, Dst: s.Dst, TTL: s.TTL}}
	packet, err := s.AppendTo(nil)
	if err != nil {
		return nil, err
	}
	t.packet = packet
	t.ip = s.networkHeaderLen()
	t.tsval = tsvalOffset(s.Options)
	t.clear()
	if t.ip == ipv4HeaderLen {
		t.headerSum = partialSum(packet[:t.ip])
	}
	tcp := packet[t.ip:]
	t.tcpSum = partialSum(tcp) + protocolTCP + uint64(len(tcp))
	return t, nil
}

// tsvalOffset returns where in the TCP header TSval is, or 0.
func tsvalOffset(o Options) int {
	for rest := o; ; {
		opt, after, ok := rest.next()
		if !ok || opt.Kind == KindEOL {
			return 0
		}
		if opt.Kind == KindTimestamps {
			if len(opt.Data) != 8 {
				return 0
			}
			return tcpHeaderLen + len(o) - len(rest) + 2
		}
		rest = after
	}
}

// clear zeroes the varying fields and the checksums.
func (t *Template) clear() {
	ip, tcp := t.packet[:t.ip], t.packet[t.ip:]
	if t.ip == ipv4HeaderLen {
		clear(ip[4:6])
		ip[8] = 0
		clear(ip[10:20])
	} else {
		clear(ip[7:40])
	}
	clear(tcp[0:12])
	clear(tcp[16:18])
	if t.tsval > 0 {
		clear(tcp[t.tsval:][:4])
	}
}

// Len returns the length of each packet in bytes.
func (t *Template) Len() int { return len(t.packet) }

// AppendTo appends the packet with f filled in. It allocates only where b
// lacks room for [Template.Len] bytes. It panics where an address is not of
// the template's IP version.
func (t *Template) AppendTo(b []byte, f Fields) []byte {
	t.setDefaults(&f)
	start := len(b)
	b = append(b, t.packet...)
	ip, tcp := b[start:start+t.ip], b[start+t.ip:]
	var addresses uint64
	if t.ip == ipv4HeaderLen {
		addresses = t.patchIPv4(ip, &f)
	} else {
		addresses = patchIPv6(ip, &f)
	}
	t.patchTCP(tcp, &f, addresses)
	return b
}

func (t *Template) setDefaults(f *Fields) {
	if !f.Src.IsValid() {
		f.Src = t.defaults.Src
	}
	if !f.Dst.IsValid() {
		f.Dst = t.defaults.Dst
	}
	if f.TTL == 0 {
		f.TTL = t.defaults.TTL
	}
}

// patchIPv4 fills in the header and returns the partial sum of its addresses.
func (t *Template) patchIPv4(ip []byte, f *Fields) uint64 {
	src, dst := f.Src.Addr().As4(), f.Dst.Addr().As4()
	binary.BigEndian.PutUint16(ip[4:], f.ID)
	ip[8] = f.TTL
	copy(ip[12:], src[:])
	copy(ip[16:], dst[:])
	addresses := partialSum(ip[12:20])
	binary.BigEndian.PutUint16(ip[10:], checksum(t.headerSum+addresses+uint64(f.ID)+uint64(f.TTL)<<8))
	return addresses
}

// patchIPv6 fills in the header and returns the partial sum of its addresses.
func patchIPv6(ip []byte, f *Fields) uint64 {
	if f.Src.Addr().Is4() || f.Dst.Addr().Is4() {
		panic("craft: IPv4 address for an IPv6 template")
	}
	src, dst := f.Src.Addr().As16(), f.Dst.Addr().As16()
	ip[7] = f.TTL
	copy(ip[8:], src[:])
	copy(ip[24:], dst[:])
	return partialSum(ip[8:40])
}

func (t *Template) patchTCP(tcp []byte, f *Fields, addresses uint64) {
	binary.BigEndian.PutUint16(tcp[0:], f.Src.Port())
	binary.BigEndian.PutUint16(tcp[2:], f.Dst.Port())
	binary.BigEndian.PutUint32(tcp[4:], uint32(f.Seq))
	binary.BigEndian.PutUint32(tcp[8:], uint32(f.Ack))
	sum := t.tcpSum + addresses + partialSum(tcp[0:12])
	if t.tsval > 0 {
		binary.BigEndian.PutUint32(tcp[t.tsval:], f.TSval)
		sum += sum32(f.TSval, t.tsval)
	}
	binary.BigEndian.PutUint16(tcp[16:], checksum(sum))
}
