package probe

import (
	"net/netip"
	"time"

	"synscope/netraw"
)

// Network is all that the engine sees of the world: batches of IP packets out,
// batches of IP packets with stamps in. [netraw.Conn] is the real one; package
// simnet is a world of model hosts under virtual time. It serves one run at a time.
type Network interface {
	// Send hands IP packets to the network in order and reports how many
	// left. A short count comes with the error that concerns pkts[n].
	Send(pkts [][]byte) (n int, err error)
	// Recv blocks until at least one packet is there. Packet data is valid
	// until the next call. A passed deadline is [os.ErrDeadlineExceeded], a
	// closed network [net.ErrClosed].
	Recv(pkts []netraw.Packet) (n int, err error)
	// Quiet tells whether everything that had arrived when it was called has
	// been returned by Recv, and a Recv waits for more.
	Quiet() bool
	// SetReadDeadline bounds Recv, and unblocks one that waits.
	SetReadDeadline(t time.Time) error
	// Route tells from which of our addresses a destination is reached.
	Route(dst netip.Addr) (netraw.Route, error)
	// InZone is an address with the zone of the interface through which a packet of it
	// came in ([netraw.Packet] IfIndex), where it means nothing without one: a link-local
	// one (RFC 4007 §6).
	InZone(addr netip.Addr, ifindex int) netip.Addr
	// Ports are the source ports held for this run, at least one.
	Ports() []uint16
	// Stats are the counters so far.
	Stats() netraw.Stats
	// MonotonicRaw is the time, from an arbitrary start, of a clock that
	// nobody sets or slews. The stamps are held against it.
	MonotonicRaw() time.Duration
}

// Polled is a network whose packets are taken in by the goroutine that sends, as
// [netraw.Conn] and a simnet's connection are: no other has to be woken for them.
type Polled interface {
	Network
	// Poll is Recv without waiting; n may be 0.
	Poll(pkts []netraw.Packet) (n int, err error)
	// Await waits until there is something for Poll, and then for gather, so that
	// more is taken at once; for d at most in all, or until Wake.
	Await(d, gather time.Duration)
	// Wake ends the Await under way, or the next one. Any goroutine may call it.
	Wake()
}
