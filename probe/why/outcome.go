package why

// Outcome is what came of a trial. Those of its SYN come first: a connection
// that could not be opened has one of them.
type Outcome uint8

const (
	NotMade         Outcome = iota // the instrument could not, or the budget did not allow it
	Silence                        // nothing came
	Late                           // a SYN-ACK that the host had to retransmit, a second or more late
	SYNACK                         //
	SlowSYNACK                     // much later than those of other flows
	Near                           // a SYN-ACK with marks of somebody else: nearer than the host, or window 0
	Reset                          // from as far as the host
	ResetNear                      // from nearer than the host
	ResetToo                       // an RST and a SYN-ACK to one SYN
	Challenge                      // an ACK of other numbers: RFC 5961 §4
	WrongACK                       // a SYN-ACK that acknowledges another number than ours
	Elsewhere                      // a SYN-ACK that acknowledges our number, from another address than was asked
	HostUnreachable                // a router: it cannot reach the host
	NoWay                          // a router: it has no route to the host's network
	Expired                        // a router: its TTL ran out, although it left with the usual one
	Prohibited                     // a router: administratively prohibited
	RejectedByHost                 // an ICMP error of the host's own
	SendRefused                    // this machine's kernel did not let it leave
	NoRoom                         // the same, and only for the moment: a queue, a buffer or a table of this machine was full
	NoPorts                        // EADDRNOTAVAIL of connect(2)
	Acked                          // the connection works
	Lossy                          // it works after retransmissions
	LossyThere                     // the same, and only bytes on their way there were lost
	LossyBack                      // the same, and only ACKs on their way back were lost
	SlowProgram                    // it works, and the program takes a second or more
	Ignored                        // the third ACK is ignored: the SYN-ACK is retransmitted, bytes are not acknowledged
	ResetOnACK                     // RST answers the third ACK or the first byte
	ResetBy                        // the same, and the RST does not come from where the SYN-ACK came
	LargeLost                      // small segments are acknowledged, large ones are not
	LargeBack                      // large segments of the program's answer are missing
	TooBig                         // a router asks for smaller ones
	IdleDead                       // after the pause nothing comes
	IdleReset                      // after the pause it is reset
	IdleClosed                     // the host closed it in the pause
	ISNMoves
	ISNStays
	EchoReply
	TraceReaches // routers answer up to the host, or it does
	TraceDies    // the last router that answers is short of the host
	TraceForks   // other routers than on the path of flows that pass, and it dies there
	TraceLoops   // the same routers repeat
	TraceRefused // a router that says it cannot reach the host, before it looks at the TTL
	TraceNear    // somebody answers in the host's name before it
	TraceEnds    // it ends at a router; how far the host is, is not known
	TraceSilent  // no router answers
	Yes
	No
	outcomes
)

var outcomeNames = [outcomes]string{"not made", "silence", "late SYN-ACK", "SYN-ACK", "slow SYN-ACK", "SYN-ACK of somebody else",
	"reset", "reset from nearer than the host", "reset and SYN-ACK", "challenge ACK", "SYN-ACK with a wrong acknowledgment number", "SYN-ACK from another address", "host unreachable", "no route at a router", "TTL ran out on the way", "prohibited",
	"rejected by the host", "refused by this machine", "no room on this machine", "no free source port", "works", "works after retransmissions",
	"works after bytes were lost", "works after ACKs were lost", "works, slow program", "third ACK ignored", "reset after the third ACK", "reset by somebody else after the third ACK", "large segments lost", "large answers lost", "packet too big",
	"dead after the pause", "reset after the pause", "closed by the host in the pause", "ISN moves", "ISN stays",
	"echo reply", "reaches the host", "dies before the host", "takes another way and dies", "goes round in a loop", "refused by a router", "answered before the host",
	"ends at a router", "no router answers", "yes", "no"}

// String says the outcome in words.
func (o Outcome) String() string { return outcomeNames[o] }

// fails reports whether a client would call this a failure to connect.
func (o Outcome) fails() bool {
	switch o {
	case Silence, Late, Reset, ResetNear, ResetToo, Challenge, WrongACK, Elsewhere, HostUnreachable, NoWay, Expired, Prohibited, RejectedByHost, SendRefused, NoRoom, NoPorts, Ignored, ResetOnACK, ResetBy:
		return true
	}
	return false
}

// answered reports whether the SYN of a trial was answered by a SYN-ACK.
func (o Outcome) answered() bool {
	switch o {
	case SYNACK, SlowSYNACK, Near, Late, Acked, Lossy, LossyThere, LossyBack, SlowProgram, Ignored, ResetOnACK, ResetBy, LargeLost, LargeBack, TooBig, IdleDead, IdleReset, IdleClosed, ISNMoves, ISNStays:
		return true
	}
	return false
}

// dist is the distribution of a trial's outcome where no packet is lost.
type dist [outcomes]float64

// floor is the least probability of an outcome, whatever a cause predicts: no model
// foresees everything.
const floor = 2e-4

// share is part of a dist.
type share struct {
	o Outcome
	p float64
}

// of makes a dist; what is left of 1 goes to the first outcome.
func of(list ...share) *dist {
	var d dist
	left := 1.0
	for _, s := range list[1:] {
		d[s.o] += s.p
		left -= s.p
	}
	d[list[0].o] += left
	return &d
}

// only is the dist of one outcome.
func only(o Outcome) *dist { return of(share{o, 1}) }
