package probe

import (
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe/finding"
)

// Reason says in one kebab-case word what a verdict rests on.
type Reason string

// Reasons that are not named after an ICMP message.
const (
	ReasonSYNACK          Reason = "syn-ack"          // that acknowledges our ISN
	ReasonSplitHandshake  Reason = "split-handshake"  // the SYN came apart from its ACK (RFC 9293 §3.5, simultaneous open)
	ReasonReset           Reason = "reset"            // an RST with our number
	ReasonUnverifiedReset Reason = "unverified-reset" // an RST without one: anybody may have sent it
	ReasonNoResponse      Reason = "no-response"
	ReasonSendFailed      Reason = "send-failed"       // the kernel refused the packet for good
	ReasonNoRoute         Reason = "no-route-here"     // this machine has none
	ReasonLocalFirewall   Reason = "local-firewall"    // an output rule of this machine
	ReasonOwnPort         Reason = "held-by-this-run"  // a port of this machine that we send from
	ReasonNoNeighbour     Reason = "no-neighbour"      // nobody on the link has the address
	ReasonBroadcast       Reason = "broadcast-address" // of a network: no TCP answers (RFC 9293 §3.9.2.3)
	ReasonNoHost          Reason = "no-host-address"   // the unspecified one, or one of a multicast group
	ReasonInterrupted     Reason = "interrupted"
	ReasonWentSilent      Reason = "went-silent"   // the host had answered, and then stopped for all ports
	ReasonTimeExceeded    Reason = "time-exceeded" // ICMP 11, ICMPv6 3
)

// Reasons of a host that is up, beside those that ports have.
const (
	ReasonARP       Reason = "arp-response" // RFC 826
	ReasonND        Reason = "nd-response"  // RFC 4861 §4.4
	ReasonEchoReply Reason = "echo-reply"
	ReasonTimestamp Reason = "timestamp-reply"
	ReasonLocalhost Reason = "localhost" // an address of this machine
)

// NeighbourReason is the reason of a host that is up since it answered on the
// link.
func NeighbourReason(a netip.Addr) Reason {
	if a.Is4() {
		return ReasonARP
	}
	return ReasonND
}

// Finding is something worth telling beside a verdict, and Severity how grave it is.
type (
	Finding  = finding.Finding
	Severity = finding.Severity
)

const (
	SeverityInfo    = finding.Info
	SeverityNotice  = finding.Notice
	SeverityWarning = finding.Warning
)

// ICMPCode is the type and code of an ICMP or ICMPv6 error.
type ICMPCode struct{ Type, Code uint8 }

// Verdict is what is known of one probed port, and the evidence for it.
type Verdict struct {
	Target   netip.AddrPort
	State    State
	Reason   Reason
	Attempts int // transmissions, at least one unless nothing could be sent

	// Supersedes is the state of an earlier verdict of the same run on the same port, in
	// whose place this one comes; StateUnknown: there was none.
	Supersedes State

	Time time.Time // when the deciding answer arrived, or the port was given up

	// RTT is the time from the answered transmission to its answer; zero
	// where none was measured. Clock says who took the two stamps.
	RTT   time.Duration
	Clock netraw.Clock

	// Confidence is how sure silence is, 0 to 1, from the loss that was measured;
	// zero where an answer decided, or where something came that proves nothing.
	Confidence float64

	Reply     *craft.Segment // the deciding segment, nil where there was none, or where only its first fragment was read
	Responder netip.Addr     // who answered, valid only where it was not the target
	ICMP      *ICMPCode      // nil where no ICMP error decided
	TTL       uint8          // time to live with which the answer arrived, a segment or an ICMP error; 0 where none was seen
	Findings  []Finding
	Err       error // why a probe could not be sent, nil otherwise
}

// RoundTrip is RTT, and whether one was measured.
func (v *Verdict) RoundTrip() (rtt time.Duration, ok bool) { return v.RTT, v.RTT > 0 }
