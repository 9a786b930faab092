//go:build !linux

package netraw

import "synscope/craft"

type base = conn

type packetConn struct{ engine }

func (c *packetConn) open(Config, Templates) error      { return errUnsupported() }
func (c *packetConn) blast([]craft.Fields) (int, error) { return 0, errUnsupported() }
