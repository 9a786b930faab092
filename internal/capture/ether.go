package capture

import (
	"encoding/binary"
	"fmt"
)

// unread names what a frame has in the place of IP. It wraps [ErrNotIP].
type unread string

func (u unread) Error() string { return ErrNotIP.Error() + ": " + string(u) }

// Unwrap returns ErrNotIP.
func (u unread) Unwrap() error { return ErrNotIP }

// EtherTypes (IEEE 802 numbers).
const (
	etherIPv4     = 0x0800
	etherBridged  = 0x6558 // Ethernet within something (RFC 1701)
	etherVLAN     = 0x8100 // IEEE 802.1Q
	etherPPP      = 0x880b
	etherIPv6     = 0x86dd
	etherMPLS     = 0x8847
	etherMPLSMany = 0x8848
	etherPPPoE    = 0x8864
	etherQinQ     = 0x88a8 // IEEE 802.1ad
	etherPBB      = 0x88e7 // IEEE 802.1ah
	etherVNTag    = 0x8926
	etherNSH      = 0x894f // RFC 8300 §9.1
	etherOldTag   = 0x9100 // before 802.1ad
	sllNoLength   = 0x0001 // in a Linux SLL header: 802.3 without LLC
	sllLLC        = 0x0004 // the same: LLC
)

// etherNames are EtherTypes that are met often and hold no IP.
var etherNames = map[uint16]unread{
	0x0806: "arp", 0x8035: "rarp", 0x0842: "wake-on-lan", 0x2000: "cdp", 0x6003: "decnet", 0x8137: "ipx", 0x809b: "appletalk",
	0x8809: "lacp", 0x8863: "pppoe-discovery", 0x888e: "eapol", 0x8892: "profinet", 0x88cc: "lldp", 0x88e5: "macsec",
	0x88f7: "ptp", 0x8902: "cfm", 0x8906: "fcoe", 0x8915: "roce", 0x9000: "loopback",
}

// ethernet takes an Ethernet header off.
func (w *Network) ethernet(b []byte) ([]byte, error) {
	if len(b) < 14 {
		return nil, ErrShortFrame
	}
	return w.etherType(binary.BigEndian.Uint16(b[12:]), b[14:])
}

// longestLength is the largest number in the place of an EtherType that is a
// length (IEEE 802.3 §3.2.6).
const longestLength = 1500

// etherType finds the IP packet in what follows an EtherType: behind VLAN tags,
// MPLS labels, PPPoE and the like.
func (w *Network) etherType(kind uint16, b []byte) ([]byte, error) {
	for {
		switch kind {
		case etherIPv4, etherIPv6:
			return asIP(b)
		case etherVLAN, etherQinQ, etherOldTag:
			if len(b) < 4 {
				return nil, ErrShortFrame
			}
			if id := binary.BigEndian.Uint16(b) & 0xfff; id != 0 { // 0 says a priority only
				w.add(tagVLAN, uint32(id))
			}
			kind, b = binary.BigEndian.Uint16(b[2:]), b[4:]
		case etherVNTag:
			if len(b) < 6 {
				return nil, ErrShortFrame
			}
			kind, b = binary.BigEndian.Uint16(b[4:]), b[6:]
		default:
			return w.otherType(kind, b)
		}
	}
}

// otherType is etherType for what ends a row of tags.
func (w *Network) otherType(kind uint16, b []byte) ([]byte, error) {
	switch kind {
	case etherMPLS, etherMPLSMany:
		return w.mpls(b)
	case etherPPPoE:
		return w.pppoe(b)
	case etherPPP:
		return w.ppp(b)
	case etherNSH:
		return w.nsh(b)
	case etherBridged:
		return w.ethernet(b)
	case etherPBB: // a service tag, and the customer's frame
		if len(b) < 4 {
			return nil, ErrShortFrame
		}
		w.add(tagService, binary.BigEndian.Uint32(b)&0xffffff)
		return w.ethernet(b[4:])
	case sllNoLength, sllLLC:
		return w.llc(b)
	}
	if kind <= longestLength {
		return w.llc(b)
	}
	if name, ok := etherNames[kind]; ok {
		return nil, name
	}
	return nil, unread(fmt.Sprintf("ethertype-0x%04x", kind))
}

// llc takes an IEEE 802.2 header off, with the protocol of a SNAP header behind
// it (RFC 1042).
func (w *Network) llc(b []byte) ([]byte, error) {
	const snap, ip, unnumbered = 0xaa, 0x06, 0x03
	switch {
	case len(b) < 3:
		return nil, ErrShortFrame
	case b[0] == ip && b[1] == ip && b[2] == unnumbered:
		return asIP(b[3:])
	case b[0] == 0xfe && b[1] == 0xfe: // RFC 2684 §5.2: a protocol of ISO's
		return nil, unread("iso")
	case b[0] != snap || b[1] != snap:
		return nil, unread(fmt.Sprintf("llc-0x%02x", b[0]))
	case len(b) < 8:
		return nil, ErrShortFrame
	case b[3] == 0 && b[4] == 0x80 && b[5] == 0xc2: // IEEE 802.1: bridged (RFC 2684 §5.2)
		return w.bridged(binary.BigEndian.Uint16(b[6:]), b[8:])
	case b[3] != 0 || b[4] != 0 || b[5] != 0 && b[5] != 0xf8:
		return nil, unread(fmt.Sprintf("snap-0x%02x%02x%02x", b[3], b[4], b[5]))
	}
	kind := binary.BigEndian.Uint16(b[6:])
	if kind <= longestLength {
		return nil, unread("snap")
	}
	return w.etherType(kind, b[8:])
}

// bridged takes Ethernet in ATM: with a check sequence (1) or without (7).
func (w *Network) bridged(kind uint16, b []byte) ([]byte, error) {
	if kind != 1 && kind != 7 {
		return nil, unread("bridged")
	}
	if len(b) < 2 {
		return nil, ErrShortFrame
	}
	return w.ethernet(b[2:])
}

// mpls takes labels off (RFC 3032 §2.1). What follows is not said: IP begins
// with its version, and the control word of a pseudowire with zeros (RFC 4385).
func (w *Network) mpls(b []byte) ([]byte, error) {
	const bottom = 1
	for {
		if len(b) < 4 {
			return nil, ErrShortFrame
		}
		last := b[2]&bottom != 0
		w.add(tagMPLS, binary.BigEndian.Uint32(b)>>12)
		if b = b[4:]; last {
			break
		}
	}
	switch {
	case len(b) == 0:
		return nil, ErrShortFrame
	case b[0]>>4 == 4 || b[0]>>4 == 6:
		return b, nil
	case b[0]>>4 == 0 && len(b) >= 4+14:
		return w.ethernet(b[4:])
	}
	return nil, unread("mpls")
}

// pppoe takes the header of a session off (RFC 2516 §4).
func (w *Network) pppoe(b []byte) ([]byte, error) {
	if len(b) < 6 {
		return nil, ErrShortFrame
	}
	w.add(tagPPPoE, uint32(binary.BigEndian.Uint16(b[2:])))
	return w.ppp(b[6:])
}

// Protocols of PPP (RFC 1661 §2, IANA).
const (
	pppIPv4     = 0x21
	pppIPv6     = 0x57
	pppMPLS     = 0x281
	pppMPLSMany = 0x283
	pppBridged  = 0x31
)

// ppp takes a PPP header off: address and control, unless those are left out
// (RFC 1662 §3.1), and a protocol of one or two bytes (RFC 1661 §6.5).
func (w *Network) ppp(b []byte) ([]byte, error) {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		b = b[2:]
	}
	if len(b) == 0 {
		return nil, ErrShortFrame
	}
	protocol, n := uint16(b[0]), 1
	if b[0]&1 == 0 {
		if len(b) < 2 {
			return nil, ErrShortFrame
		}
		protocol, n = binary.BigEndian.Uint16(b), 2
	}
	switch b = b[n:]; protocol {
	case pppIPv4, pppIPv6:
		return asIP(b)
	case pppMPLS, pppMPLSMany:
		return w.mpls(b)
	case pppBridged:
		if len(b) < 2 {
			return nil, ErrShortFrame
		}
		return w.ethernet(b[2:])
	}
	return nil, unread(fmt.Sprintf("ppp-0x%04x", protocol))
}

// hdlc takes PPP in HDLC framing off, or Cisco HDLC: address, control, and an
// EtherType.
func (w *Network) hdlc(b []byte) ([]byte, error) {
	const unicast, multicast = 0x0f, 0x8f
	if len(b) >= 4 && (b[0] == unicast || b[0] == multicast) {
		return w.etherType(binary.BigEndian.Uint16(b[2:]), b[4:])
	}
	return w.ppp(b)
}
