package netraw

import (
	"time"

	"synscope/craft"
)

// XDPCookie tells the receiving program what the answers to the probes of a
// run repeat. The numbers of a probe are SipHash-2-4 under Key of source
// address, destination address, source port, destination port (big-endian)
// and the attempt (one byte): the low half of the hash is SEG.SEQ, the high
// half SEG.ACK.
type XDPCookie struct {
	Key      [16]byte
	Attempts int         // a reply may answer any of 0 to Attempts-1; at most MaxXDPAttempts
	Flags    craft.Flags // of the probes
}

// MaxXDPAttempts is the largest XDPCookie.Attempts.
const MaxXDPAttempts = 128

// XDPConn is the engine that leaves the kernel's IP, and its socket buffers,
// aside. An XDP program makes frames of probes that user space laid out in
// shared memory, and redirects them to the interface's transmit queue
// (BPF_PROG_RUN with BPF_F_TEST_XDP_LIVE_FRAMES). Another one, on the
// interface, takes the replies before the kernel sees them, keeps those that
// repeat the cookie, all 32 bits of it, and turns each SYN-ACK round as the
// RST that ends the half-open connection.
//
// What is not such a reply passes untouched. What is sent to a held port
// without the right number passes too, counted in [XDPConn.Rejected]; the
// kernel discards it there. Both programs go with the process, however it
// ends.
//
// Routes and next hops are as with [PacketConn], for frames through the one
// interface; a probe that the kernel routes elsewhere takes the way of
// Conn.Send, but its answer is only received if it comes back by the
// interface.
type XDPConn struct {
	xdpConn
}

// OpenXDP returns an engine that sends probes made of t through the interface
// of cfg, which must be named. It needs Linux 5.18, CAP_BPF, CAP_NET_ADMIN,
// CAP_PERFMON and CAP_NET_RAW; the interface must be an Ethernet whose driver
// takes redirected frames (ndo_xdp_xmit), and have no other XDP program.
//
// Beside the errors of Open it fails with ErrOutputFirewall, as OpenPacket does,
// and with ErrXDPPermission, ErrXDPKernel,
// ErrXDPInterface or ErrXDPBusy.
func OpenXDP(cfg *Config, t Templates, cookie XDPCookie) (*XDPConn, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	c := &XDPConn{}
	if err := c.open(*cfg, t, cookie); err != nil {
		return nil, fileLimit(err)
	}
	return c, nil
}

// Blast is that of [PacketConn.Blast]. The more probes one call is given, up to
// some thousands, the less each costs; of several thousand, the call's own
// cost is a tenth. What the driver had no room for is sent again, counted in
// Stats.SendRetries. After an error, probes behind fields[n] may have left
// too.
func (c *XDPConn) Blast(fields []craft.Fields) (int, error) { return c.blast(fields) }

// AnswersResets is true: each SYN-ACK that Recv returns has been answered.
func (c *XDPConn) AnswersResets() bool { return true }

// Recv is that of [Conn.Recv], for the replies and ICMP errors that repeat the
// cookie, and whose checksums are right. They are marked Partial: the program has
// checked them, and let pass, on interfaces without hardware, a TCP checksum that
// was left for hardware to finish.
func (c *XDPConn) Recv(pkts []Packet) (int, error) { return c.recv(pkts) }

// Quiet reports whether everything that had arrived when it was called has been
// returned by Recv, and a Recv waits for more.
func (c *XDPConn) Quiet() bool { return c.isQuiet() }

// SetReadDeadline is that of [Conn.SetReadDeadline].
func (c *XDPConn) SetReadDeadline(t time.Time) error { return c.setReadDeadline(t) }

// Stats returns the counters; after Close, their last values. KernelDrops are
// replies that found the ring full.
func (c *XDPConn) Stats() Stats { return c.stats() }

// Rejected counts, by reason, what arrived for the held ports and our
// addresses and was no answer to a probe: "unexpected-flags", "bad-ack",
// "bad-seq", "foreign-quote", "bad-checksum", "fragment", "malformed",
// "truncated".
func (c *XDPConn) Rejected() map[string]uint64 { return c.rejected() }

// Native reports whether the driver runs the receiving program itself. If not,
// the kernel does, behind it (generic XDP).
func (c *XDPConn) Native() bool { return c.native() }

// Close unblocks Recv and releases everything: programs, ring and ports.
func (c *XDPConn) Close() error { return c.close() }
