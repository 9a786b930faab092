package netraw

import (
	"time"

	"synscope/craft"
)

// Templates are the probes of a run: what Blast stamps out. Either may be nil;
// Blast then refuses probes of that IP version with ErrNoTemplate.
type Templates struct {
	V4, V6 *craft.Template
}

// PacketConn is the engine for everyone who may open raw sockets and wants
// more than they do: frames leave below the kernel's IP, through rings of
// memory shared with it (PACKET_TX_RING, packet(7)), out of which up to four
// processors send at a time; answers come in through another ring (TPACKET_V3).
//
// Its Recv differs from [Conn]'s in one thing: answers are delivered by the
// block, so up to [RingDelay] late. Their stamps are the kernel's all the same.
//
// The kernel is asked for the route of each address, once for all addresses
// that its tables do not tell apart, and again when they change; and for the
// hardware address of the next hop, a gateway or the destination itself, which
// its neighbour table resolves and keeps. Where there is no such address, on
// loopback, on tun, for a neighbour not met yet, the probe takes the way of
// Conn.Send, and the kernel does what is needed.
type PacketConn struct {
	packetConn
}

// RingDelay bounds how long an answer waits for the block it lies in to fill.
const RingDelay = 4 * time.Millisecond

// OpenPacket returns an engine that sends probes made of t. cfg is that of
// Open, and so are the errors; nil means the defaults. It needs CAP_NET_RAW,
// Linux 4.6.
//
// What it sends passes by the kernel's firewall: where that has a rule for output
// that could take a packet, where a BPF program of the cgroup, a filter of the interface
// (of any, where none is named) or a mark has a say in what is sent, or where this cannot
// be looked at for want of CAP_NET_ADMIN, it fails with ErrOutputFirewall. In a user
// namespace of one's own nobody may look for BPF programs: the first probe and one in each
// tenth of a second go through the kernel, and where it refuses one, so do all.
func OpenPacket(cfg *Config, t Templates) (*PacketConn, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	c := &PacketConn{}
	if err := c.open(*cfg, t); err != nil {
		return nil, fileLimit(err)
	}
	return c, nil
}

// Blast sends one probe for each of fields, of both IP versions in any
// mixture, and returns how many left; if that is not all, the error concerns
// fields[n]. The order on the wire may be another. Src has to be one of this
// machine's addresses: Route says which. Blast waits like Send, allocates
// nothing, and is for one goroutine at a time; Send may run beside it.
//
// Errors of its own are ErrNoTemplate, ErrNoRoute and ErrNextHop.
func (c *PacketConn) Blast(fields []craft.Fields) (int, error) { return c.blast(fields) }

// AnswersResets is false: whoever gets a SYN-ACK has to send the RST.
func (c *PacketConn) AnswersResets() bool { return false }

// Recv is that of [Conn.Recv]. Data is part of the ring.
func (c *PacketConn) Recv(pkts []Packet) (int, error) { return c.recv(pkts) }

// Quiet reports whether everything that had arrived when it was called has been
// returned by Recv, and a Recv waits for more.
func (c *PacketConn) Quiet() bool { return c.isQuiet() }

// SetReadDeadline is that of [Conn.SetReadDeadline].
func (c *PacketConn) SetReadDeadline(t time.Time) error { return c.setReadDeadline(t) }

// Stats returns the counters; after Close, their last values.
func (c *PacketConn) Stats() Stats { return c.stats() }

// Close unblocks Recv and releases everything, the held ports too.
func (c *PacketConn) Close() error { return c.close() }
