//go:build linux

package lab

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"synscope/craft"
)

// Before any segment has arrived, ports are guessed among those that kernels give
// out (net.ipv4.ip_local_port_range).
const (
	ephemeral  = 32768
	ephemerals = 28232
)

// forge adds one packet to the Ethernet header of a frame.
func (a *Attacker) forge(frame []byte) []byte {
	f := a.pick()
	kind := a.cfg.Kinds[a.chance.IntN(len(a.cfg.Kinds))]
	etherTypeOf := uint16(unix.ETH_P_IP)
	if f.host.Addr().Is6() {
		etherTypeOf = unix.ETH_P_IPV6
	}
	binary.BigEndian.PutUint16(frame[etherType:], etherTypeOf)
	switch kind {
	case ForgedICMP, ForgedTTL:
		return a.forgeError(frame, f, kind)
	}
	s := craft.Segment{
		Src: f.host, Dst: f.prober, TTL: 64, Window: 65160,
		Seq: craft.Seq(a.chance.Uint32()), Flags: forgedFlags[kind],
	}
	if s.Flags.Has(craft.ACK) {
		s.Ack = craft.Seq(a.chance.Uint32())
	}
	if kind == ForgedSYNACKData {
		s.Options, s.Payload = craft.Options{byte(craft.KindMSS), 4, 1460 >> 8, 1460 & 0xff}, []byte("forged")
	}
	if kind == ForgedData {
		s.Payload = []byte{'x'}
	}
	return appended(frame, &s)
}

var forgedFlags = map[Forgery]craft.Flags{
	ForgedSYNACK: craft.SYN | craft.ACK, ForgedSYNACKData: craft.SYN | craft.ACK,
	ForgedReset: craft.RST, ForgedResetACK: craft.RST | craft.ACK,
	ForgedSYN: craft.SYN, ForgedACK: craft.ACK, ForgedFIN: craft.FIN | craft.ACK, ForgedData: craft.ACK | craft.PSH,
}

// appended is b with a segment after it; one that cannot be built has the wrong
// addresses, and no lab has those.
func appended(b []byte, s *craft.Segment) []byte {
	out, err := s.AppendTo(b)
	if err != nil {
		panic(err)
	}
	return out
}

// pick is a flow to attack.
func (a *Attacker) pick() flow {
	if len(a.pairs) > 0 {
		return a.pairs[a.chance.IntN(len(a.pairs))]
	}
	return flow{
		netip.AddrPortFrom(a.host.Prober4(), uint16(ephemeral+a.chance.IntN(ephemerals))),
		netip.AddrPortFrom(a.host.Addr4(), uint16(1+a.chance.IntN(1<<16-1))),
	}
}

// forgeError adds an ICMP error that quotes a SYN with numbers that are not ours.
func (a *Attacker) forgeError(frame []byte, f flow, kind Forgery) []byte {
	syn := craft.Segment{Src: f.prober, Dst: f.host, TTL: 63, ID: uint16(a.chance.Uint32()), Seq: craft.Seq(a.chance.Uint32()), Flags: craft.SYN, Window: 64240}
	quote := appended(nil, &syn)
	message := append([]byte{3, 13, 0, 0, 0, 0, 0, 0}, quote...)
	v6 := f.host.Addr().Is6()
	switch {
	case kind == ForgedTTL && v6:
		message[0], message[1] = 3, 0
	case kind == ForgedTTL:
		message[0], message[1] = 11, 0
	case v6:
		message[0], message[1] = 1, 1
	}
	var header []byte
	src, dst := f.host.Addr().AsSlice(), f.prober.Addr().AsSlice()
	sum := uint32(0)
	if v6 {
		header = make([]byte, 40)
		header[0], header[6], header[7] = 0x60, unix.IPPROTO_ICMPV6, 64
		binary.BigEndian.PutUint16(header[4:], uint16(len(message)))
		copy(header[8:], src)
		copy(header[24:], dst)
		sum = onesSum(header[8:], unix.IPPROTO_ICMPV6+uint32(len(message)))
	} else {
		header = make([]byte, 20)
		header[0], header[8], header[9] = 0x45, 64, unix.IPPROTO_ICMP
		binary.BigEndian.PutUint16(header[2:], uint16(len(header)+len(message)))
		copy(header[12:], src)
		copy(header[16:], dst)
		binary.BigEndian.PutUint16(header[10:], folded(onesSum(header, 0)))
	}
	binary.BigEndian.PutUint16(message[2:], folded(onesSum(message, sum)))
	return append(append(frame, header...), message...)
}

// onesSum adds up 16-bit words (RFC 1071); the length is even here.
func onesSum(b []byte, sum uint32) uint32 {
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	return sum
}

func folded(sum uint32) uint16 {
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
