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
	LinkEthernet LinkType = 1   // with whatever lies between it and IP
	LinkPPP      LinkType = 9   // with or without address and control
	LinkFDDI     LinkType = 10  // LLC
	LinkRawBSD   LinkType = 12  // DLT_RAW as some systems write it
	LinkRawOld   LinkType = 14  // the same, OpenBSD's
	LinkPPPHDLC  LinkType = 50  // PPP in HDLC framing, or Cisco HDLC
	LinkPPPoE    LinkType = 51  // the PPPoE session header first
	LinkATM      LinkType = 100 // RFC 2684: LLC
	LinkRaw      LinkType = 101 // IPv4 or IPv6
	LinkCHDLC    LinkType = 104 // Cisco HDLC
	LinkWiFi     LinkType = 105 // IEEE 802.11
	LinkLoop     LinkType = 108 // as LinkNull, in network byte order
	LinkEnc      LinkType = 109 // OpenBSD's IPsec
	LinkSLL      LinkType = 113 // Linux "any", version 1
	LinkPFLog    LinkType = 117 // OpenBSD's packet filter
	LinkRadiotap LinkType = 127 // IEEE 802.11 behind a radiotap header
	LinkPPI      LinkType = 192 // per-packet information
	LinkIPv4     LinkType = 228
	LinkIPv6     LinkType = 229
	LinkNFLog    LinkType = 239 // Linux netfilter
	LinkIPoIB    LinkType = 242 // IP over InfiniBand
	LinkPKTAP    LinkType = 258 // macOS
	LinkSLL2     LinkType = 276 // Linux "any", version 2
)

// links names the link types, those that are understood only.
var links = map[LinkType]string{
	LinkEthernet: "Ethernet", LinkRaw: "raw IP", LinkSLL: "Linux SLL", LinkSLL2: "Linux SLL2",
	LinkNull: "null", LinkLoop: "loopback", LinkIPv4: "IPv4", LinkIPv6: "IPv6",
	LinkRawBSD: "raw IP of BSD", LinkRawOld: "raw IP of OpenBSD",
	LinkPPP: "PPP", LinkPPPHDLC: "PPP in HDLC", LinkPPPoE: "PPPoE", LinkATM: "ATM", LinkCHDLC: "Cisco HDLC",
	LinkWiFi: "IEEE 802.11", LinkRadiotap: "radiotap", LinkPPI: "PPI", LinkEnc: "OpenBSD enc", LinkPFLog: "OpenBSD pflog",
	LinkFDDI: "FDDI", LinkIPoIB: "IP over InfiniBand", LinkNFLog: "Linux nflog", LinkPKTAP: "PKTAP",
}

func (l LinkType) known() bool { return links[l] != "" }

// knownLinkTypes lists them for a person.
func knownLinkTypes() string {
	var words []string
	for l := range LinkType(1 << 9) {
		if l.known() {
			words = append(words, fmt.Sprintf("%d (%s)", l, links[l]))
		}
	}
	return strings.Join(words, ", ")
}

// Strip returns the IP packet in the frame, the innermost one where it is
// tunnelled. It aliases p.Data and may be followed by padding. It sets Network,
// and Direction and Interface where the link layer tells them. It fails with
// [ErrShortFrame], an error that wraps [ErrNotIP] and names what is there
// instead, or an [*Error] around [ErrLinkType].
func (p *Packet) Strip() ([]byte, error) {
	if p.Link == LinkEthernet && len(p.Data) > 34 && p.Data[12] == 8 && p.Data[13] == 0 && p.Data[23] == protocolTCP {
		p.Network = Network{}
		return asIP(p.Data[14:]) // what most frames are
	}
	p.Network = Network{}
	b, err := p.stripLink(p.Link, p.Data)
	if err != nil {
		return nil, err
	}
	return p.Network.innermost(b)
}

// stripLink takes a link-layer header off.
func (p *Packet) stripLink(link LinkType, b []byte) ([]byte, error) {
	switch link {
	case LinkEthernet:
		return p.Network.ethernet(b)
	case LinkRaw, LinkRawBSD, LinkRawOld, LinkIPv4, LinkIPv6:
		return asIP(b)
	case LinkSLL:
		return p.stripSLL(b)
	case LinkSLL2:
		return p.stripSLL2(b)
	case LinkNull, LinkLoop:
		return behind(4, b)
	case LinkEnc:
		return behind(12, b)
	case LinkPPP:
		return p.Network.ppp(b)
	case LinkPPPHDLC, LinkCHDLC:
		return p.Network.hdlc(b)
	case LinkPPPoE:
		return p.Network.pppoe(b)
	case LinkATM:
		return p.Network.llc(b)
	case LinkFDDI: // frame control and two addresses
		if len(b) < 13 {
			return nil, ErrShortFrame
		}
		return p.Network.llc(b[13:])
	case LinkIPoIB: // the address of the other end, and RFC 4391's header
		if len(b) < 24 {
			return nil, ErrShortFrame
		}
		return p.Network.etherType(binary.BigEndian.Uint16(b[20:]), b[24:])
	case LinkWiFi:
		return p.Network.wifi(b)
	case LinkRadiotap:
		return p.Network.radiotap(b)
	case LinkPPI:
		return p.stripPPI(b)
	case LinkPFLog:
		return pflog(b)
	case LinkNFLog:
		return nflog(b)
	case LinkPKTAP:
		return p.stripPKTAP(b)
	}
	return nil, &Error{Offset: p.Offset, Packet: p.Number,
		Err: fmt.Errorf("%w %d; known are %s", ErrLinkType, link, knownLinkTypes())}
}

// behind skips a header of n bytes.
func behind(n int, b []byte) ([]byte, error) {
	if len(b) < n {
		return nil, ErrShortFrame
	}
	return asIP(b[n:])
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
	return p.Network.etherType(binary.BigEndian.Uint16(b[14:]), b[16:])
}

// stripSLL2 takes LINKTYPE_LINUX_SLL2 off: protocol, reserved, interface index,
// ARPHRD type, packet type, address length, address.
func (p *Packet) stripSLL2(b []byte) ([]byte, error) {
	if len(b) < 20 {
		return nil, ErrShortFrame
	}
	p.sent(b[10] == outgoing)
	p.Interface = p.Interface<<16 ^ binary.BigEndian.Uint32(b[4:])
	return p.Network.etherType(binary.BigEndian.Uint16(b), b[20:])
}

func (p *Packet) sent(out bool) {
	p.Direction = Inbound
	if out {
		p.Direction = Outbound
	}
}

// stripPPI takes a header of per-packet information off, which says how long
// it is and what follows.
func (p *Packet) stripPPI(b []byte) ([]byte, error) {
	if len(b) < 8 {
		return nil, ErrShortFrame
	}
	n, link := int(binary.LittleEndian.Uint16(b[2:])), LinkType(binary.LittleEndian.Uint32(b[4:]))
	return p.within(b, n, 8, link)
}

// stripPKTAP takes macOS's header off (bsd/net/pktap.h): length, type, link
// type, name of the interface, flags.
func (p *Packet) stripPKTAP(b []byte) ([]byte, error) {
	const least, in, out = 40, 1, 2
	if len(b) < least {
		return nil, ErrShortFrame
	}
	n, link := int(binary.LittleEndian.Uint32(b)), LinkType(binary.LittleEndian.Uint32(b[8:]))
	switch flags := binary.LittleEndian.Uint32(b[36:]); {
	case flags&in != 0:
		p.Direction = Inbound
	case flags&out != 0:
		p.Direction = Outbound
	}
	return p.within(b, n, least, link)
}

// within strips a frame of another link type behind a header of n bytes, which
// are least.
func (p *Packet) within(b []byte, n, least int, link LinkType) ([]byte, error) {
	if n < least || n > len(b) || link == LinkPPI || link == LinkPKTAP {
		return nil, ErrShortFrame
	}
	return p.stripLink(link, b[n:])
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
