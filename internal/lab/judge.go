//go:build linux

package lab

import "fmt"

// reasons4 and reasons6 name the codes of destination unreachable; other codes
// of ICMP are "icmp-3-N".
var (
	reasons4 = map[uint8]string{
		0: "net-unreachable", 1: "host-unreachable", 2: "proto-unreachable", 3: "port-unreachable",
		9: "net-prohibited", 10: "host-prohibited", 13: "admin-prohibited",
	}
	reasons6 = map[uint8]string{
		0: "no-route", 1: "admin-prohibited", 2: "beyond-scope", 3: "addr-unreachable",
		4: "port-unreachable", 5: "policy-failed", 6: "reject-route", 7: "source-route-error",
	}
)

// judge turns a fate into the verdict of the technique.
func (e *Expectation) judge() (state, reason string) {
	switch e.Fate {
	case Opened:
		return judgeListener(e.Technique)
	case Refused, ResetByFirewall:
		return judgeReset(e.Technique)
	case Dropped:
		return judgeSilence(e.Technique)
	case Missing:
		// The kernel may tell the prober itself that the neighbour is missing.
		state, _ = judgeSilence(e.Technique)
		return state, ""
	}
	return "filtered", e.icmpReason()
}

// judgeListener is how Linux in state LISTEN answers: SYN with SYN-ACK, anything
// with ACK with RST, the rest with silence (RFC 9293 §3.10.7.2).
func judgeListener(technique string) (state, reason string) {
	switch technique {
	case "syn":
		return "open", "syn-ack"
	case "connect":
		return "open", "connected"
	case "ack", "window", "maimon":
		return judgeReset(technique)
	}
	return judgeSilence(technique)
}

// judgeReset is the meaning of a reset, whose window is 0 on Linux.
func judgeReset(technique string) (state, reason string) {
	switch technique {
	case "connect":
		return "refused", "conn-refused"
	case "ack":
		return "unfiltered", "reset"
	}
	return "refused", "reset"
}

func judgeSilence(technique string) (state, reason string) {
	switch technique {
	case "fin", "null", "xmas", "maimon":
		return "open|filtered", "no-response"
	case "connect":
		return "filtered", "" // by errno, or by the prober's own patience
	}
	return "filtered", "no-response"
}

func (e *Expectation) icmpReason() string {
	if e.Technique == "connect" {
		return ""
	}
	names := reasons4
	if e.Dst.Addr().Is6() {
		names = reasons6
	}
	if name, ok := names[e.Code]; ok {
		return name
	}
	return fmt.Sprintf("icmp-%d-%d", e.Type, e.Code)
}
