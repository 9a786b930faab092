package capture

import "encoding/binary"

// IP protocols (IANA).
const (
	protocolIPv4    = 4
	protocolTCP     = 6
	protocolUDP     = 17
	protocolIPv6    = 41
	protocolGRE     = 47
	protocolEtherIP = 97
	protocolMPLS    = 137
)

// Ports of tunnels within UDP.
const (
	portGTPU     = 2152 // 3GPP TS 29.281
	portVXLAN    = 4789 // RFC 7348
	portVXLANOld = 8472 // Linux's before there was a number
	portVXLANGPE = 4790 // draft-ietf-nvo3-vxlan-gpe
	portGeneve   = 6081 // RFC 8926
	portMPLS     = 6635 // RFC 7510
)

// deepest is how many tunnels within each other are opened.
const deepest = 8

// innermost opens the tunnels that an IP packet may be. What is no tunnel, or
// none that is known, stays as it is: it is for the reader of segments to
// count.
func (w *Network) innermost(b []byte) ([]byte, error) {
	for range deepest {
		inner, ok := w.opened(b)
		if !ok {
			break
		}
		b = inner
	}
	return b, nil
}

// opened returns the IP packet within another one.
func (w *Network) opened(b []byte) (inner []byte, ok bool) {
	protocol, payload := payloadOf(b)
	before := *w
	var err error
	switch protocol {
	case protocolIPv4, protocolIPv6:
		w.between(tagIPIP, b)
		inner, err = asIP(payload)
	case protocolGRE:
		inner, err = w.gre(b, payload)
	case protocolUDP:
		inner, err = w.overUDP(b, payload)
	case protocolEtherIP: // RFC 3378: two bytes, and the frame
		if len(payload) < 2 {
			return nil, false
		}
		w.between(tagEtherIP, b)
		inner, err = w.ethernet(payload[2:])
	case protocolMPLS:
		inner, err = w.mpls(payload)
	default:
		return nil, false
	}
	if err != nil {
		*w = before
	}
	return inner, err == nil
}

// payloadOf is the upper-layer protocol of an IP packet and what follows its
// headers, nil where that is not whole or not the first fragment.
func payloadOf(b []byte) (protocol byte, payload []byte) {
	const offset = 0x1fff
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		n := int(b[0]&0xf) * 4
		if n < 20 || n > len(b) || binary.BigEndian.Uint16(b[6:])&offset != 0 {
			return 0, nil
		}
		return b[9], b[n:]
	case len(b) >= 40 && b[0]>>4 == 6:
		return extended(b[6], b[40:])
	}
	return 0, nil
}

// extended skips the extension headers of IPv6 (RFC 8200 §4).
func extended(next byte, b []byte) (protocol byte, payload []byte) {
	const hopByHop, routing, fragment, destination = 0, 43, 44, 60
	for {
		n := 8
		switch next {
		case hopByHop, routing, destination:
			if len(b) < 2 {
				return 0, nil
			}
			n = int(b[1])*8 + 8
		case fragment:
			if len(b) < 4 || binary.BigEndian.Uint16(b[2:])>>3 != 0 {
				return 0, nil
			}
		default:
			return next, b
		}
		if len(b) < n {
			return 0, nil
		}
		next, b = b[0], b[n:]
	}
}

// GRE: flags of the header (RFC 2784, RFC 2890, RFC 2637).
const (
	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSequence = 0x1000
	greAck      = 0x0080 // version 1
	greVersion  = 0x0007
)

// EtherTypes of ERSPAN.
const (
	erspanII  = 0x88be
	erspanIII = 0x22eb
)

// wccp is what a router redirects to a cache (draft-mclaggan-wccp-v2rev1).
const wccp = 0x883e

func (w *Network) gre(outer, b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, ErrShortFrame
	}
	flags, kind, n := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), 4
	for _, flag := range []uint16{greChecksum | greRouting, greKey, greSequence} {
		if flags&flag != 0 {
			n += 4
		}
	}
	mirrored := kind == erspanII || kind == erspanIII || kind == wccp
	if !mirrored {
		w.carrier(outer, flags, b)
	}
	if flags&greVersion == 1 && flags&greAck != 0 {
		n += 4
	}
	switch {
	case flags&greRouting != 0 || flags&greVersion > 1:
		return nil, ErrNotIP
	case len(b) < n:
		return nil, ErrShortFrame
	case kind == wccp && len(b) >= n+4 && b[n]>>4 != 4: // version 2 has a header of its own
		return asIP(b[n+4:])
	case kind == wccp:
		return asIP(b[n:])
	case kind == erspanII || kind == erspanIII:
		return w.erspan(kind, flags&greSequence != 0, b[n:])
	}
	return w.etherType(kind, b[n:])
}

// erspan takes the header of a mirrored frame off
// (draft-foschiano-erspan §4): none in type I, which has no sequence number, 8
// bytes in type II, 12 in type III, and 8 more where that says so.
func (w *Network) erspan(kind uint16, numbered bool, b []byte) ([]byte, error) {
	n := 0
	switch {
	case kind == wccp && len(b) >= n+4 && b[n]>>4 != 4: // version 2 has a header of its own
		return asIP(b[n+4:])
	case kind == wccp:
		return asIP(b[n:])
	case kind == erspanIII:
		if n = 12; len(b) >= 12 && b[11]&1 != 0 {
			n += 8
		}
	case numbered:
		n = 8
	}
	if len(b) < n {
		return nil, ErrShortFrame
	}
	return w.ethernet(b[n:])
}

// overUDP opens a UDP datagram to the port of a tunnel.
func (w *Network) overUDP(outer, b []byte) ([]byte, error) {
	if len(b) < 8 {
		return nil, ErrShortFrame
	}
	src, dst, payload := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), b[8:]
	switch {
	case dst == portVXLAN || dst == portVXLANOld:
		return w.vxlan(payload)
	case dst == portVXLANGPE:
		return w.vxlanGPE(payload)
	case dst == portGeneve:
		return w.geneve(payload)
	case dst == portGTPU || src == portGTPU:
		return w.gtpu(payload)
	case dst == portMPLS:
		return w.mpls(payload)
	case dst == portL2TP || src == portL2TP:
		return w.l2tp(outer, payload)
	}
	return nil, ErrNotIP
}

// vxlan takes a VXLAN header off (RFC 7348 §5).
func (w *Network) vxlan(b []byte) ([]byte, error) {
	const valid = 0x08
	switch {
	case len(b) < 8:
		return nil, ErrShortFrame
	case b[0]&valid == 0:
		return nil, ErrNotIP
	}
	w.add(tagVXLAN, binary.BigEndian.Uint32(b[4:])>>8)
	return w.ethernet(b[8:])
}

// vxlanGPE takes off the header of the generic protocol extension, which names
// what follows.
func (w *Network) vxlanGPE(b []byte) ([]byte, error) {
	const named, ipv4, ipv6, frame, service = 0x04, 1, 2, 3, 4
	switch {
	case len(b) < 8:
		return nil, ErrShortFrame
	}
	w.add(tagVXLAN, binary.BigEndian.Uint32(b[4:])>>8)
	switch {
	case b[0]&named == 0 || b[3] == frame:
		return w.ethernet(b[8:])
	case b[3] == ipv4 || b[3] == ipv6:
		return asIP(b[8:])
	case b[3] == service:
		return w.nsh(b[8:])
	}
	return nil, ErrNotIP
}

// geneve takes a Geneve header and its options off (RFC 8926 §3.4).
func (w *Network) geneve(b []byte) ([]byte, error) {
	if len(b) < 8 {
		return nil, ErrShortFrame
	}
	if b[0]>>6 != 0 {
		return nil, ErrNotIP
	}
	n := 8 + int(b[0]&0x3f)*4
	if len(b) < n {
		return nil, ErrShortFrame
	}
	w.add(tagGeneve, binary.BigEndian.Uint32(b[4:])>>8)
	return w.etherType(binary.BigEndian.Uint16(b[2:]), b[n:])
}

// gtpu takes a GTP-U header off, with its optional part and extension headers
// (3GPP TS 29.281 §5).
func (w *Network) gtpu(b []byte) ([]byte, error) {
	const version, gtp, extension, optional, userData = 0xe0, 0x30, 0x04, 0x07, 255
	switch {
	case len(b) < 8:
		return nil, ErrShortFrame
	case b[0]&(version|0x10) != gtp || b[1] != userData:
		return nil, ErrNotIP
	}
	w.add(tagGTP, binary.BigEndian.Uint32(b[4:]))
	switch {
	case b[0]&optional == 0:
		return asIP(b[8:])
	case len(b) < 12:
		return nil, ErrShortFrame
	}
	next, rest := b[11], b[12:]
	for b[0]&extension != 0 && next != 0 {
		if len(rest) < 1 {
			return nil, ErrShortFrame
		}
		n := int(rest[0]) * 4
		if n == 0 || n > len(rest) {
			return nil, ErrShortFrame
		}
		next, rest = rest[n-1], rest[n:]
	}
	return asIP(rest)
}
