package craft

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// String returns the segment as tcpdump -nn -S prints it, without the time:
//
//	IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [S], seq 1, win 1024, options [mss 1460], length 0
//
// Three things differ, so that no field of TCP is lost. The sequence number is
// always there, where tcpdump leaves it out of a bare ACK unless given -vv.
// Acknowledgement number and urgent pointer are there without their flag too
// where they are not zero. And bits and options are named that tcpdump hides:
// see [Flags.String] and [Options.Strings].
func (s *Segment) String() string {
	b := []byte(ipName(s.Src.Addr()))
	b = append(b, ' ')
	return string(s.appendText(b))
}

// Verbose returns the segment as tcpdump -nn -S -v prints it, IPv4 in two
// lines and IPv6 in one, without the checksum. It says all of the segment but
// what the payload is. [ParseSegment] reads it, too.
func (s *Segment) Verbose() string {
	b := []byte(ipName(s.Src.Addr()))
	if s.Src.Addr().Is4() {
		b = append(s.appendIPv4(b), "\n    "...)
	} else {
		b = append(s.appendIPv6(b), ' ')
	}
	return string(s.appendText(b))
}

func ipName(a netip.Addr) string {
	if a.Is4() {
		return "IP"
	}
	return "IP6"
}

// appendIPv4 leaves out a TTL of zero, as tcpdump does.
func (s *Segment) appendIPv4(b []byte) []byte {
	ttl, flags := "", "none"
	if s.TTL > 0 {
		ttl = fmt.Sprintf("ttl %d, ", s.TTL)
	}
	if s.DF {
		flags = "DF"
	}
	ecn := [...]string{"", ",ECT(1)", ",ECT(0)", ",CE"}[s.TOS&3] // RFC 3168 §5
	return fmt.Appendf(b, " (tos 0x%x%s, %sid %d, offset 0, flags [%s], proto TCP (6), length %d)",
		s.TOS, ecn, ttl, s.ID, flags, s.claimedLen())
}

func (s *Segment) appendIPv6(b []byte) []byte {
	b = append(b, " ("...)
	if s.TOS != 0 {
		b = fmt.Appendf(b, "class 0x%02x, ", s.TOS)
	}
	if s.FlowLabel != 0 {
		b = fmt.Appendf(b, "flowlabel 0x%05x, ", s.FlowLabel)
	}
	return fmt.Appendf(b, "hlim %d, next-header TCP (6) payload length: %d)", s.TTL, s.claimedLen())
}

func (s *Segment) appendText(b []byte) []byte {
	b = appendEndpoints(b, s.Src, s.Dst)
	b = fmt.Appendf(b, "Flags [%v], seq %d", s.Flags, s.Seq)
	if n := len(s.Payload); n > 0 {
		b = fmt.Appendf(b, ":%d", s.Seq.Add(uint32(n)))
	}
	if s.Flags.Has(ACK) || s.Ack != 0 {
		b = fmt.Appendf(b, ", ack %d", s.Ack)
	}
	b = fmt.Appendf(b, ", win %d", s.Window)
	if s.Flags.Has(URG) || s.Urgent != 0 {
		b = fmt.Appendf(b, ", urg %d", s.Urgent)
	}
	if len(s.Options) > 0 {
		b = fmt.Appendf(b, ", options [%v]", s.Options)
	}
	return fmt.Appendf(b, ", length %d", len(s.Payload))
}

func appendEndpoints(b []byte, src, dst netip.AddrPort) []byte {
	b = appendEndpoint(b, src)
	b = append(b, " > "...)
	b = appendEndpoint(b, dst)
	return append(b, ": "...)
}

// appendEndpoint writes an address without its zone, a dot, and the port.
func appendEndpoint(b []byte, a netip.AddrPort) []byte {
	b = append(b, a.Addr().WithZone("").String()...)
	b = append(b, '.')
	return strconv.AppendUint(b, uint64(a.Port()), 10)
}

// String returns as much of the segment as was quoted, in the notation of
// [Segment.String]; like tcpdump it ends in "[|tcp]" where the header was cut.
func (q *Quote) String() string {
	b := []byte(ipName(q.Src.Addr()))
	b = append(b, ' ')
	b = appendEndpoints(b, q.Src, q.Dst)
	parts := []string{fmt.Sprintf("seq %d", q.Seq)}
	if q.HasFlags() {
		parts = append([]string{fmt.Sprintf("Flags [%v]", q.Flags)}, parts...)
	}
	if q.HasAck() && (q.Ack != 0 || q.Flags.Has(ACK)) {
		parts = append(parts, fmt.Sprintf("ack %d", q.Ack))
	}
	if q.HasWindow() {
		parts = append(parts, fmt.Sprintf("win %d", q.Window))
	}
	if len(q.Options) > 0 {
		parts = append(parts, fmt.Sprintf("options [%v]", q.Options))
	}
	if !q.HasOptions() {
		parts = append(parts, "[|tcp]")
	}
	return string(b) + strings.Join(parts, ", ")
}
