package capture

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// LinkType says what a captured frame begins with: a number of
// https://www.tcpdump.org/linktypes.html.
type LinkType uint16

// The link types that are understood.
const (
	LinkNull     LinkType = 0   // BSD loopback, address family in the sender's byte order
	LinkEthernet LinkType = 1   // with any VLAN tags
	LinkRawBSD   LinkType = 12  // DLT_RAW as some systems write it
	LinkRawOld   LinkType = 14  // the same, OpenBSD's
	LinkRaw      LinkType = 101 // IPv4 or IPv6
	LinkLoop     LinkType = 108 // as LinkNull, in network byte order
	LinkSLL      LinkType = 113 // Linux "any", version 1
	LinkIPv4     LinkType = 228
	LinkIPv6     LinkType = 229
	LinkSLL2     LinkType = 276 // Linux "any", version 2
)

// linkNames names the link types, those that are understood only.
var linkNames = []struct {
	link LinkType
	name string
}{
	{LinkEthernet, "Ethernet"}, {LinkRaw, "raw IP"}, {LinkSLL, "Linux SLL"}, {LinkSLL2, "Linux SLL2"},
	{LinkNull, "null"}, {LinkLoop, "loopback"}, {LinkIPv4, "IPv4"}, {LinkIPv6, "IPv6"},
	{LinkRawBSD, "raw IP of BSD"}, {LinkRawOld, "raw IP of OpenBSD"},
}

func (l LinkType) known() bool {
	for _, n := range linkNames {
		if n.link == l {
			return true
		}
	}
	return false
}

// knownLinkTypes lists them for a person.
func knownLinkTypes() string {
	var words []string
	for _, n := range linkNames {
		words = append(words, fmt.Sprintf("%d (%s)", n.link, n.name))
	}
	return strings.Join(words, ", ")
}

// Strip returns the IP packet in the frame, which aliases p.Data and may be
// followed by padding. It sets Direction and Interface where the link layer
// tells them. It fails with [ErrNotIP], [ErrShortFrame], or an [*Error] around
// [ErrLinkType].
func (p *Packet) Strip() ([]byte, error) {
	b := p.Data
	switch p.Link {
	case LinkEthernet:
		return afterEtherType(b, 12)
	case LinkRaw, LinkRawBSD, LinkRawOld, LinkIPv4, LinkIPv6:
		return asIP(b)
	case LinkSLL:
		return p.stripSLL(b)
	case LinkSLL2:
		return p.stripSLL2(b)
	case LinkNull, LinkLoop:
		return after(b, 4)
	}
	return nil, &Error{Offset: p.Offset, Packet: p.Number,
		Err: fmt.Errorf("%w %d; known are %s", ErrLinkType, p.Link, knownLinkTypes())}
}

// EtherTypes (IEEE 802 numbers).
const (
	etherIPv4   = 0x0800
	etherIPv6   = 0x86dd
	etherVLAN   = 0x8100 // IEEE 802.1Q
	etherQinQ   = 0x88a8 // IEEE 802.1ad
	etherOldTag = 0x9100 // before 802.1ad
)

// afterEtherType finds the IP packet behind the EtherType at b[at:] and any
// VLAN tags, each a tag control word and the next EtherType.
func afterEtherType(b []byte, at int) ([]byte, error) {
	for ; len(b) >= at+2; at += 4 {
		switch binary.BigEndian.Uint16(b[at:]) {
		case etherIPv4, etherIPv6:
			return asIP(b[at+2:])
		case etherVLAN, etherQinQ, etherOldTag:
		default:
			return nil, ErrNotIP
		}
	}
	return nil, ErrShortFrame
}

// outgoing is the packet type of a packet that the machine sent (packet(7)).
const outgoing = 4

// stripSLL takes LINKTYPE_LINUX_SLL off: packet type, ARPHRD type, address
// length and address, protocol.
func (p *Packet) stripSLL(b []byte) ([]byte, error) {
	if len(b) < 16 {
		return nil, ErrShortFrame
	}
	p.sent(binary.BigEndian.Uint16(b) == outgoing)
	return afterEtherType(b, 14)
}

// stripSLL2 takes LINKTYPE_LINUX_SLL2 off: protocol, reserved, interface index,
// ARPHRD type, packet type, address length, address.
func (p *Packet) stripSLL2(b []byte) ([]byte, error) {
	if len(b) < 20 {
		return nil, ErrShortFrame
	}
	p.sent(b[10] == outgoing)
	p.Interface = p.Interface<<16 ^ binary.BigEndian.Uint32(b[4:])
	switch binary.BigEndian.Uint16(b) {
	case etherIPv4, etherIPv6:
		return asIP(b[20:])
	case etherVLAN, etherQinQ, etherOldTag:
		return afterEtherType(b[20:], 2)
	}
	return nil, ErrNotIP
}

func (p *Packet) sent(out bool) {
	p.Direction = Inbound
	if out {
		p.Direction = Outbound
	}
}

func after(b []byte, n int) ([]byte, error) {
	if len(b) < n {
		return nil, ErrShortFrame
	}
	return asIP(b[n:])
}

// asIP accepts what begins with an IP version.
func asIP(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, ErrShortFrame
	}
	if v := b[0] >> 4; v != 4 && v != 6 {
		return nil, ErrNotIP
	}
	return b, nil
}
