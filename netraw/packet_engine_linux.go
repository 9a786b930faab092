package netraw

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"synscope/craft"
)

// packetConn is what PacketConn is on Linux.
type packetConn struct {
	engine
	out framer
	in  ring

	closing  sync.Once
	closeErr error
}

func (c *packetConn) open(cfg Config, t Templates) (err error) {
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if err := c.base.open(cfg, t); err != nil {
		return err
	}
	if err := c.in.open(cfg, receiveFilter(c.ports.List())); err != nil {
		return fmt.Errorf("netraw: open receive ring: %w", permission(err))
	}
	if err := c.out.open(t); err != nil {
		return fmt.Errorf("netraw: open transmit ring: %w", permission(err))
	}
	return nil
}

func (c *packetConn) blast(probes []craft.Fields) (int, error) { return c.base.blast(c, probes) }

func (c *packetConn) add(probe *craft.Fields, place, hop int) error {
	return c.out.add(probe, place, &c.ways.hops.table[hop])
}

func (c *packetConn) finish(n int) (int, error) { return c.out.finish(n) }
func (c *packetConn) expect(netip.Addr)         {} // its filter looks at ports only

func (c *packetConn) recv(pkts []Packet) (int, error)   { return c.in.recv(pkts) }
func (c *packetConn) isQuiet() bool                     { return c.in.quiet.quiet(c.in.raw) }
func (c *packetConn) setReadDeadline(t time.Time) error { return c.in.setReadDeadline(t) }

func (c *packetConn) stats() Stats {
	return c.base.stats(&c.out.frameCount, c.in.received.Load(), c.in.drops())
}

func (c *packetConn) close() error {
	c.closing.Do(func() {
		c.ways.mu.Lock()
		c.closed = true
		c.closeErr = c.out.close()
		c.ways.mu.Unlock()
		c.closeErr = errors.Join(c.in.close(), c.closeErr, c.base.close())
	})
	return c.closeErr
}
