package netraw

// Backlog is the share of the receive buffer that holds packets which Recv has
// not returned, from 0 to 1, roughly: whoever sends as fast as possible waits
// while it is high, before the kernel has to drop. It must not be called beside
// Close or after it.
func (c *Conn) Backlog() float64 { return c.backlog() }

// Backlog is [Conn.Backlog].
func (c *PacketConn) Backlog() float64 { return c.backlog() }

// Backlog is [Conn.Backlog].
func (c *XDPConn) Backlog() float64 { return c.backlog() }

// Resets is how many SYN-ACKs were answered with an RST by the program on the
// interface.
func (c *XDPConn) Resets() uint64 { return c.resets() }

// Hears reports whether what answers by a route can be received: the program sees
// one interface, and nothing that this machine sends to itself.
func (c *XDPConn) Hears(r Route) bool { return c.hears(r) }
