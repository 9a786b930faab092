//go:build !linux

package netraw

type xdpConn struct{ packetConn }

func (c *xdpConn) open(Config, Templates, XDPCookie) error { return errUnsupported() }
func (c *xdpConn) rejected() map[string]uint64             { return nil }
func (c *xdpConn) native() bool                            { return false }
