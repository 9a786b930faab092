// Package probe finds out what TCP ports do with segments: it plans, matches
// and judges. It opens no socket and prints nothing; what it knows of the world
// it learns through a [Network], which [synscope/netraw.Conn] is in reality and
// package simnet under virtual time.
//
// The life of one probe, file by file:
//
//  1. [Scan] takes a target from its configuration (scan.go) and asks the
//     network for the way there (host.go).
//  2. The engine (engine.go) lets it leave when the pace (pace.go) and the
//     host's window (window.go) allow it (send.go). Its sequence number is a
//     keyed hash of addresses, ports and attempt (cookie.go); the packet comes
//     out of a template (packets.go).
//  3. While it is in flight, and no longer, it has a record (flight.go) and a
//     deadline (timers.go) after RFC 6298 (rto.go). A new attempt has another
//     source port and sequence number, so each reply names what it answers.
//  4. Replies are read beside the engine (receive.go). "Is it ours?" is decided
//     from the packet alone (match.go), "what does it say?" from the technique's
//     record (technique.go) and the kind of answer (judge.go, icmp.go). What is
//     rejected is counted by reason.
//  5. The engine keeps the best answer (handle.go), closes half-open connections
//     by RST, and hands a [Verdict] to the caller's [Sink].
//  6. At the end, hosts that look too good to be true are asked for ports that
//     nobody serves (canary.go), and a [Summary] accounts for every packet.
//
// [ConnectScan] does the same through the kernel's own TCP, without privilege.
package probe
