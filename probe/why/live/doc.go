// Package live makes the trials of package why on the real network: exact
// segments over a [probe.Network], a source port for each flow, closing RSTs with
// the right numbers, and looks at this machine through netlink and /proc.
//
// Every trial runs in a goroutine of its own, over exchanges: an exchange is one SYN, or one
// connection, with the packets that answer it. One goroutine reads and hands each
// packet to its exchange. What could be half open at the far end when a
// SYN was not answered is closed when the instrument is, so that address translators
// and balancers on the way keep what they know of the flow until then.
package live
