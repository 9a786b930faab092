//go:build !linux

package netraw

func (c *conn) backlog() float64       { return 0 }
func (c *packetConn) backlog() float64 { return 0 }
func (c *xdpConn) backlog() float64    { return 0 }
func (c *xdpConn) resets() uint64      { return 0 }
func (c *xdpConn) hears(Route) bool    { return false }
