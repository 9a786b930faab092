// Package handshake follows TCP connections from the first SYN to TIME_WAIT:
// live ones that it makes itself, segment by segment, and those that others
// made, in a capture. It says in which state of RFC 9293 each end is, how long
// each step took, and what is unusual.
//
// # The life of one connection
//
// [Run] lays out a [Plan]: the SYN of a profile, what is to be said and when,
// how to close, what to keep silent about. A [Session] is the plan's client. It
// is a value, and [Step] turns it and an [Event] (a segment came, a timer ran
// out) into its next value and [Action] values (send this, set that timer). It
// has no clock and does no I/O, so a test can put any question to it.
//
// The runner does what the session wants and listens to what the network
// brings. What comes back to the SYN is judged as in every engine (synprobe.go):
// it must carry a number of ours and have arrived after the SYN had left, or it is
// asked about and believed by nobody. What the kernel refuses to send waits
// (outbox.go), and the connection's clocks with it.
//
// Everything that crosses our end of the wire, both ways and with the tap's
// stamps, also goes to a [Follower], in the order in which it crossed, so that a
// run and tcpdump beside it tell the same. Both the session and the follower take
// their states from a [Pair], two [End] values, which knows the checks of RFC 9293
// §3.10.7 from outside: each end's state is derived from the facts that its
// segments have shown. A peer is assumed to have received what was sent to it,
// until it repeats itself.
//
// Each segment becomes a [Line], a rung of the ladder, with the states after it
// and its [Notes]. At the end the follower's evidence becomes a [Result]: state
// and reason as for a scan, what was negotiated, how the connection ended, how
// often and when the peer retransmitted SYN-ACK and FIN, and findings. Those are a
// table: code, severity, sentence, and a function that looks at the evidence.
//
// # Captures
//
// A capture of somebody else's connections may miss any segment. A [Bystander]
// judges those: the same states and findings, but an acknowledgement proves
// what it acknowledges, what was not captured is unknown, and no finding rests
// on the absence of a segment.
//
// # What a run leaves behind
//
// Nothing: where the close was not orderly its last packet is an RST with the
// number that the peer expects, also when the context is cancelled. There is no
// socket, so TIME_WAIT is kept for as long as [Config.Watch] says and no longer.
//
// [Exchange] sends one segment of any kind instead, and judges nothing.
package handshake
