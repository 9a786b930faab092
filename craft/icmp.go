package craft

import (
	"encoding/binary"
	"net/netip"
)

const (
	icmpHeaderLen = 8
	minQuotedTCP  = 8
)

// ICMP errors, which quote the packet they are about (RFC 792).
const (
	icmpUnreachable  = 3
	icmpSourceQuench = 4
	icmpRedirect     = 5
	icmpTimeExceeded = 11
	icmpParamProblem = 12
)

// ICMPv6 errors are the types below 128 (RFC 4443 §2.1).
const (
	icmp6Unreachable  = 1
	icmp6PacketTooBig = 2
	icmp6TimeExceeded = 3
	icmp6ParamProblem = 4
	icmp6FirstInfo    = 128
)

// codeNeedFrag is the code of a v4 unreachable that carries an MTU (RFC 1191 §4).
const codeNeedFrag = 4

// decode reads an ICMP error of either version. Extensions (RFC 4884) behind
// the quote are left out of it.
func (e *ICMPError) decode(h *ipHeader) error {
	b := h.payload
	if len(b) < icmpHeaderLen {
		return ErrTruncated
	}
	*e = ICMPError{Src: h.src, Dst: h.dst, TTL: h.ttl, Type: b[0], Code: b[1], Len: len(b)}
	rest := binary.BigEndian.Uint32(b[4:])
	quote := b[icmpHeaderLen:]
	if h.src.Is4() {
		if !e.quotesIPv4() {
			return ErrUnsupported
		}
		e.decodeRestIPv4(rest)
		quote = trimExtensions(quote, e.extensibleIPv4(), int(b[5])*4)
	} else {
		if e.Type == 0 || e.Type >= icmp6FirstInfo {
			return ErrUnsupported
		}
		e.decodeRestIPv6(rest)
		quote = trimExtensions(quote, e.extensibleIPv6(), int(b[4])*8)
	}
	if version(quote) != version4or6(h.src) {
		return shortOr(quote, 1, ErrMalformed)
	}
	return e.Quote.decode(quote)
}

func version4or6(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

func (e *ICMPError) quotesIPv4() bool {
	switch e.Type {
	case icmpUnreachable, icmpSourceQuench, icmpRedirect, icmpTimeExceeded, icmpParamProblem:
		return true
	}
	return false
}

// decodeRestIPv4 reads bytes 4 to 7, whose meaning the type decides.
func (e *ICMPError) decodeRestIPv4(rest uint32) {
	switch {
	case e.Type == icmpUnreachable && e.Code == codeNeedFrag:
		e.MTU = rest & 0xffff
	case e.Type == icmpRedirect:
		e.Gateway = netip.AddrFrom4([4]byte{byte(rest >> 24), byte(rest >> 16), byte(rest >> 8), byte(rest)})
	case e.Type == icmpParamProblem:
		e.Pointer = rest >> 24
	}
}

// decodeRestIPv6 reads bytes 4 to 7, whose meaning the type decides.
func (e *ICMPError) decodeRestIPv6(rest uint32) {
	switch e.Type {
	case icmp6PacketTooBig:
		e.MTU = rest
	case icmp6ParamProblem:
		e.Pointer = rest
	}
}

func (e *ICMPError) extensibleIPv4() bool {
	return e.Type == icmpUnreachable || e.Type == icmpTimeExceeded || e.Type == icmpParamProblem
}

func (e *ICMPError) extensibleIPv6() bool {
	return e.Type == icmp6Unreachable || e.Type == icmp6TimeExceeded
}

// trimExtensions cuts the extensions off a quote of n bytes. Where there are
// any, the quote is padded to at least 128 bytes (RFC 4884 §4.1), so a smaller
// n is noise in what was once an unused field.
func trimExtensions(quote []byte, extensible bool, n int) []byte {
	if extensible && n >= 128 && n < len(quote) {
		return quote[:n]
	}
	return quote
}

// decode reads the beginning of a quoted IP packet. A quoted first fragment is
// read like a whole packet: what is needed is in it.
func (q *Quote) decode(b []byte) error {
	var h ipHeader
	if err := h.decodeQuote(b); err != nil {
		return err
	}
	tcp := h.payload
	switch {
	case h.offset != 0:
		return ErrFragment
	case h.protocol != protocolTCP:
		return ErrUnsupported
	case len(tcp) < minQuotedTCP:
		return ErrTruncated
	}
	*q = Quote{
		Src: netip.AddrPortFrom(h.src, binary.BigEndian.Uint16(tcp[0:])),
		Dst: netip.AddrPortFrom(h.dst, binary.BigEndian.Uint16(tcp[2:])),
		TTL: h.ttl,
		TOS: h.tos,
		ID:  h.id,
		Seq: seqAt(tcp, 4),
		Len: len(tcp),
	}
	q.decodeRest(tcp)
	return nil
}

// decodeRest reads the fields that routers need not quote.
func (q *Quote) decodeRest(tcp []byte) {
	if q.HasAck() {
		q.Ack = seqAt(tcp, 8)
	}
	if q.HasFlags() {
		q.Flags = flagsAt(tcp)
		q.HeaderLen = dataOffset(tcp)
	}
	if q.HasWindow() {
		q.Window = binary.BigEndian.Uint16(tcp[14:])
	}
	if end := min(q.HeaderLen, len(tcp)); end > tcpHeaderLen {
		q.Options = Options(tcp[tcpHeaderLen:end:end])
	}
}
