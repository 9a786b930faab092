package craft

import "fmt"

// echoWords are tcpdump's, of IPv4 and of IPv6.
var echoWords = map[EchoKind][2]string{
	EchoRequest:      {"ICMP echo request", "ICMP6, echo request"},
	EchoReply:        {"ICMP echo reply", "ICMP6, echo reply"},
	TimestampRequest: {"ICMP time stamp query", ""},
	TimestampReply:   {"ICMP time stamp reply", ""},
}

// String returns the message as tcpdump -nn prints it, without the time:
//
//	IP 192.0.2.1 > 192.0.2.2: ICMP echo request, id 40000, seq 0, length 12
//
// Of a time stamp tcpdump prints the times too, and no comma before seq.
func (e *Echo) String() string {
	words, length := echoWords[e.Kind][0], echoLen
	if e.Src.Is6() {
		words = echoWords[e.Kind][1]
	}
	if e.Kind == TimestampRequest || e.Kind == TimestampReply {
		length = timestampLen
	}
	return fmt.Sprintf("%s %v > %v: %s, id %d, seq %d, length %d", ipName(e.Src), e.Src, e.Dst, words, e.ID, e.Seq, length)
}
