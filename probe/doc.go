// Package probe holds the words of probing TCP ports: what a port turns out to
// be ([State]), what that rests on ([Reason], [Finding], [Verdict]), how it is
// asked ([Technique]), what a run did ([Summary]), and all that an engine sees
// of the world ([Network]), which [synscope/netraw.Conn] is in reality and
// package simnet under virtual time. It opens no socket and prints nothing.
//
// The engines are packages of their own:
//
//   - scan: many ports, each with its verdict; what nmap's -sS does and more
//   - wide: the same in constant memory, for whole networks (--stateless)
//   - connect: the same through the kernel's own TCP, without privilege
//   - ping: the round-trip times of handshakes at fixed times
//   - discover: which of many addresses are there
//   - trace: the hops on the way to a port
//   - paths: all ways that balancers open to it
//   - sample: initial sequence numbers, for the mathematics in isn
//   - handshake: one connection from SYN to TIME_WAIT
//   - why, why/live: what keeps a port from answering
//
// Packages flow, isn, loss and rtt read what was recorded, and probe nothing. For one
// answer, scan, ping, sample and handshake have a function One that opens what it needs.
//
// What they share is in internal/wire. A probe's life there: its sequence
// number is a keyed hash of addresses, ports and attempt (cookie.go), its packet
// comes out of a template (packets.go) and leaves when the pace allows it
// (pace.go). Arrivals are read beside the engine (receive.go). "Is it ours?" is
// decided from the packet alone (match.go), "what does it say?" from the
// technique and the kind of answer (judge.go). What is rejected is counted by
// reason (counters.go).
package probe
