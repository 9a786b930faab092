package why

import (
	"iter"
	"net/netip"
	"time"
)

// Kind is what is done in a trial. The zero value is a plain SYN.
type Kind uint8

const (
	SYN          Kind = iota // one SYN, never retransmitted; what answers is closed by an exact RST
	ACK                      // a bare ACK of no connection: RFC 9293 §3.10.7 answers with RST, listening or not
	FIN                      // a bare FIN: answered with RST unless somebody listens
	Echo                     // an ICMP echo request
	Connect                  // a handshake, then single bytes one after the other, each acknowledged or not
	Hold                     // a handshake, kept open until the batch has ended
	Large                    // a connection with a full-sized segment, then smaller ones
	Idle                     // a connection with a pause before its byte
	DuplicateSYN             // two SYNs of the same tuple and the same ISN, closed in between
	Reuse                    // a connection closed in both directions, then a SYN of the same tuple
	Kernel                   // connect(2) of this machine's own TCP
	Trace                    // SYNs of one flow with growing TTL
	Local                    // a look at this machine: Fact
	kinds
)

// Role is whom a trial asks.
type Role uint8

const (
	Target  Role = iota // the port in question
	Closed              // a port of the same host that presumably nobody serves
	Served              // a port of the same host that is commonly served
	Against             // the port that the user says works
)

// Look is what is special about a SYN. The zero value is what a Linux client sends:
// MSS, SACK permitted, timestamps and window scale.
type Look uint8

const (
	Usual   Look = iota
	Bare         // no option at all
	MSSOnly      // only MSS
	NoTimestamps
	NoSACK
	NoScale
	OldTimestamp // a timestamp long before that of the other trials
	NewTimestamp // one long after it
	ECN          // ECE and CWR: RFC 3168 §6.1.1
	AccECN       // AE, ECE and CWR: RFC 9768
	FastOpen     // asks for a cookie: RFC 7413
	MPTCP        // MP_CAPABLE: RFC 8684
	Unassigned   // an option of a kind that nobody uses
	TOS          // a type of service other than 0
	HighTTL      // a TTL of 255
	looks
)

var lookNames = [looks]string{"usual options", "no options", "MSS only", "no timestamps", "no SACK", "no window scale",
	"old timestamp", "newer timestamp", "ECN", "AccECN", "TCP Fast Open", "MPTCP", "unassigned option", "type of service 0xb8", "TTL 255"}

// Looks are all looks.
func Looks() iter.Seq[Look] {
	return func(yield func(Look) bool) {
		for l := range looks {
			if !yield(l) {
				return
			}
		}
	}
}

// String names what is special.
func (l Look) String() string { return lookNames[l] }

// Timestamps reports whether such a SYN carries the timestamp option.
func (l Look) Timestamps() bool { return l != Bare && l != MSSOnly && l != NoTimestamps }

// Payload is what a connection sends. The zero value is line ends.
type Payload uint8

const (
	LineEnds Payload = iota // which most line-based protocols ignore
	Request                 // on ports of HTTP and TLS, what a client of theirs begins with, so that something long comes back
)

// Fact is something that is looked at on this machine.
type Fact uint8

const (
	NoRoute Fact = iota
	BadSource
	InterfaceDown
	InterfaceDrops
	GatewayUnresolved // the next hop, a router, does not answer address resolution
	TargetUnresolved  // the target is on the link and does not answer it
	PortsExhausted
	ConntrackFull
	ReversePathDrops // the kernel discarded answers by rp_filter
	LateUnreachable  // a router said that the host is unreachable, after some seconds: it had asked for its link address
	OnLink           // no router is between
	facts
)

var factNames = [facts]string{"no route", "source address cannot be used", "interface down", "interface drops packets",
	"gateway does not resolve", "target does not resolve", "source ports exhausted", "conntrack table full",
	"answers dropped by rp_filter", "a router reported the host unreachable some seconds later", "target is on the link"}

// String says the fact in words.
func (f Fact) String() string { return factNames[f] }

// with is the fact and what was found about it: of a next hop on which interface it is.
func (f Fact) with(text string) string {
	switch {
	case text == "":
		return f.String()
	case f == GatewayUnresolved, f == TargetUnresolved:
		return f.String() + " " + text
	}
	return f.String() + ": " + text
}

// Trial is one thing that is done, and what came of it.
type Trial struct {
	Kind  Kind
	Role  Role
	Addr  int           // which of the name's addresses
	Flow  int           // trials of one flow share a source port
	Port  int           // which of the role's ports
	Look  Look          // of its SYN
	Fact  Fact          // of Local
	Sends Payload       // of Connect
	Pause time.Duration // of Idle before its byte, of Connect and Hold before the third ACK
	Hops  int           // of Trace: the largest TTL
	After time.Duration // when it begins, from the beginning of its batch
	Until time.Duration // when it must have ended, from the beginning of the run; what has not by then was not made. 0: at no time

	At               time.Duration // when it began, from the beginning of the run
	Held             int           // connections of ours that were open or opening then, without it
	Ended            time.Duration // when what it opened was closed
	Before           int           // handshakes with the target that we had completed before its SYN
	Completed        int           // and before its own third ACK
	ID               int           // counts the trials of a run, from 1
	Experiment       string        // whose trial it is
	Reply            Reply
	batch            string  // experiment and round
	far              int     // of Trace: how many hops away the host is; 0 unknown
	directionUnknown bool    // of a connection: the host does not tell on which way bytes are lost
	unplaced         bool    // how far away the answer came from is not known
	Outcome          Outcome // as the instrument saw it; [Knowledge] refines it
}

// Reply is the evidence of a trial. What was not measured is zero.
type Reply struct {
	RTT     time.Duration // from the SYN to its answer
	Answer  time.Duration // from the first byte to the program's own first byte
	TTL     uint8         // of the answer
	Reset   uint8         // TTL of an RST that came after the handshake
	From    netip.Addr    // who answered
	Window  int           // of the SYN-ACK; -1 not seen
	Port    uint16        // our source port
	Text    string        // numbers worth showing: an ICMP code, an error
	Refusal error         // of this machine, which did not let it leave; nil: it did
	// Overruled is who sent an ICMP error for a SYN that the host answered after all.
	Overruled netip.Addr
	// Translator is who answered in truth, where this machine's own NAT sent the SYN elsewhere;
	// unspecified where that was not seen, since the NAT changed our port.
	Translator netip.AddrPort
	Discarded  Discarded
	// Duplicates is how often the host reported a segment that it had already: RFC 2883.
	Duplicates int
	// HungUp tells that the host ended a connection, by FIN or RST, before either side had said a word.
	HungUp bool
	Size   int   // of a connection's largest acknowledged segment, in bytes of its IP packet
	Path   []Hop // of Trace
}

// Hop is the answer to one SYN of limited TTL.
type Hop struct {
	TTL     int
	Addr    netip.Addr // invalid: silence
	Target  bool       // it answered in the target's name, with TCP
	Refuses bool       // it said that it cannot reach the target, not that the TTL ran out
	Ours    uint8      // TTL of the answer itself
}

// opens reports whether a trial begins with a SYN to the given role.
func (t *Trial) opens(r Role) bool {
	switch t.Kind {
	case SYN, Connect, Hold, Large, Idle, DuplicateSYN, Reuse, Kernel:
		return t.Role == r
	}
	return false
}

// Opened reports whether a trial opened a connection to the target.
func (t *Trial) Opened() bool { return t.opens(Target) && t.Outcome.answered() }

// completes reports whether a trial completes a handshake where it can.
func (k Kind) completes() bool {
	return k == Connect || k == Hold || k == Large || k == Idle || k == Reuse || k == Kernel
}

// Packets is the most that a trial of a kind may send.
func (t *Trial) Packets(hops int) int {
	switch t.Kind {
	case SYN, Hold, Kernel, DuplicateSYN, Reuse, Connect, Large, Idle:
		return packetsOf[t.Kind]
	case ACK, FIN, Echo:
		return 1
	case Trace:
		return 2*hops + 1
	}
	return 0
}

// packetsOf is the most that trials send, closing segments included.
var packetsOf = [kinds]int{SYN: 2, Hold: 4, Kernel: 8, DuplicateSYN: 4, Reuse: 9, Connect: 11, Large: 14, Idle: 11}
