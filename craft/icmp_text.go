package craft

import "fmt"

// unreachableIPv4 and unreachableIPv6 are tcpdump's words for the codes of a
// destination unreachable, with the quoted destination in place of the verb.
var (
	unreachableIPv4 = [...]string{
		0:  "net %v unreachable",
		1:  "host %v unreachable",
		2:  "%v protocol 6 unreachable",
		5:  "%v unreachable - source route failed",
		6:  "net %v unreachable - unknown",
		7:  "host %v unreachable - unknown",
		8:  "%v unreachable - source host isolated",
		9:  "net %v unreachable - admin prohibited",
		10: "host %v unreachable - admin prohibited",
		11: "net %v unreachable - tos prohibited",
		12: "host %v unreachable - tos prohibited",
		13: "host %v unreachable - admin prohibited filter",
		14: "host %v unreachable - host precedence violation",
		15: "host %v unreachable - precedence cutoff",
	}
	unreachableIPv6 = [...]string{
		0: "unreachable route %v",
		1: " unreachable prohibited %v", // the second space is tcpdump's
		3: "unreachable address %v",
		5: "unreachable policy failed %v",
		6: "unreachable reject route %v",
		7: "unreachable source route error %v",
	}
)

// String returns the message as tcpdump prints it, without the time. Codes 5
// to 7 of an ICMPv6 unreachable, which tcpdump does not know, are named after
// RFC 4443 §3.1 and, for 7, RFC 6550 §20.18.
func (e *ICMPError) String() string {
	b := []byte(ipName(e.Src))
	b = fmt.Appendf(b, " %v > %v: ", e.Src.WithZone(""), e.Dst.WithZone(""))
	text := e.textIPv6
	if e.Src.Is4() {
		text = e.textIPv4
	}
	return fmt.Sprintf("%s%s, length %d", b, text(), e.Len)
}

func (e *ICMPError) textIPv4() string {
	switch e.Type {
	case icmpUnreachable:
		return "ICMP " + e.unreachableTextIPv4()
	case icmpSourceQuench:
		return "ICMP source quench"
	case icmpRedirect:
		return "ICMP " + e.redirectText()
	case icmpTimeExceeded:
		return "ICMP " + e.timeExceededTextIPv4()
	case icmpParamProblem:
		if e.Code != 0 {
			return fmt.Sprintf("ICMP parameter problem - code %d", e.Code)
		}
		return fmt.Sprintf("ICMP parameter problem - octet %d", e.Pointer)
	}
	return fmt.Sprintf("ICMP type-#%d", e.Type)
}

func (e *ICMPError) unreachableTextIPv4() string {
	dst := e.Quote.Dst
	switch {
	case e.Code == 3:
		return fmt.Sprintf("%v tcp port %d unreachable", dst.Addr(), dst.Port())
	case e.Code == codeNeedFrag && e.MTU != 0:
		return fmt.Sprintf("%v unreachable - need to frag (mtu %d)", dst.Addr(), e.MTU)
	case e.Code == codeNeedFrag:
		return fmt.Sprintf("%v unreachable - need to frag", dst.Addr())
	case int(e.Code) < len(unreachableIPv4):
		return fmt.Sprintf(unreachableIPv4[e.Code], dst.Addr())
	}
	return fmt.Sprintf("%v unreachable - #%d", dst.Addr(), e.Code)
}

func (e *ICMPError) redirectText() string {
	dst := e.Quote.Dst.Addr()
	kinds := [...]string{
		"redirect %v to net %v", "redirect %v to host %v",
		"redirect-tos %v to net %v", "redirect-tos %v to host %v",
	}
	if int(e.Code) < len(kinds) {
		return fmt.Sprintf(kinds[e.Code], dst, e.Gateway)
	}
	return fmt.Sprintf("redirect-#%d %v to %v", e.Code, dst, e.Gateway)
}

func (e *ICMPError) timeExceededTextIPv4() string {
	switch e.Code {
	case 0:
		return "time exceeded in-transit"
	case 1:
		return "ip reassembly time exceeded"
	}
	return fmt.Sprintf("time exceeded-#%d", e.Code)
}

func (e *ICMPError) textIPv6() string {
	switch e.Type {
	case icmp6Unreachable:
		return "ICMP6, destination unreachable, " + e.unreachableTextIPv6()
	case icmp6PacketTooBig:
		return fmt.Sprintf("ICMP6, packet too big, mtu %d", e.MTU)
	case icmp6TimeExceeded:
		return "ICMP6, time exceeded in-transit" + e.timeExceededTextIPv6()
	case icmp6ParamProblem:
		return "ICMP6, parameter problem, " + e.paramProblemText()
	}
	return fmt.Sprintf("ICMP6, unknown icmp6 type (%d)", e.Type)
}

func (e *ICMPError) unreachableTextIPv6() string {
	dst := e.Quote.Dst
	switch {
	case e.Code == 2:
		return fmt.Sprintf("beyond scope %v, source address %v", dst.Addr(), e.Quote.Src.Addr())
	case e.Code == 4:
		return fmt.Sprintf("unreachable port, %v tcp port %d", dst.Addr(), dst.Port())
	case int(e.Code) < len(unreachableIPv6):
		return fmt.Sprintf(unreachableIPv6[e.Code], dst.Addr())
	}
	return fmt.Sprintf("unknown unreach code (%d)", e.Code)
}

func (e *ICMPError) timeExceededTextIPv6() string {
	switch e.Code {
	case 0:
		return fmt.Sprintf(" for %v", e.Quote.Dst.Addr())
	case 1:
		return " (reassembly)"
	}
	return fmt.Sprintf(", unknown code (%d)", e.Code)
}

func (e *ICMPError) paramProblemText() string {
	kinds := [...]string{"erroneous", "next header", "option", "incomplete header chain"}
	if int(e.Code) < len(kinds) {
		return fmt.Sprintf("%s - octet %d", kinds[e.Code], e.Pointer)
	}
	return fmt.Sprintf("code-#%d", e.Code)
}
