package netraw

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// conn is what Conn is on Linux: one socket that receives, two that send, a
// netlink socket for routes, and the held ports.
type conn struct {
	routes router
	ports  *Ports
	in     receiver
	out    sender

	closing  sync.Once
	closeErr error
}

// open acquires, in this order, what names can be wrong about, the ports, and
// the sockets that need the ports. After an error it has released it all.
func (c *conn) open(cfg Config) (err error) {
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if cfg.Ports == 0 {
		cfg.Ports = 1
	}
	cfg.Source = cfg.Source.Unmap()
	if err := c.routes.open(cfg); err != nil {
		return fmt.Errorf("netraw: %w", err)
	}
	if c.ports, err = HoldPorts(cfg.Ports, &PortConfig{Port: cfg.SourcePort, Source: cfg.Source}); err != nil {
		return err
	}
	if err := c.in.open(cfg, receiveFilter(c.ports.List())); err != nil {
		return fmt.Errorf("netraw: open packet socket: %w", permission(err))
	}
	awaitStamps()
	if err := c.out.open(cfg, &c.routes); err != nil {
		return fmt.Errorf("netraw: open raw socket: %w", permission(err))
	}
	if cfg.DeviceStamps != DeviceNone {
		return c.in.follow(c.out.descriptors())
	}
	return nil
}

func (c *conn) send(pkts [][]byte) (int, error) { return c.out.send(pkts) }
func (c *conn) sendEach(pkts [][]byte, via []int, refused func(int, error)) int {
	return c.out.sendEach(pkts, via, refused)
}
func (c *conn) inZone(a netip.Addr, ifindex int) netip.Addr { return c.routes.inZone(a, ifindex) }
func (c *conn) routeRemarks() []string                      { return c.routes.remarks() }
func (c *conn) recv(pkts []Packet) (int, error)             { return c.in.recv(pkts) }
func (c *conn) setReadDeadline(t time.Time) error           { return c.in.setReadDeadline(t) }
func (c *conn) isQuiet() bool                               { return c.in.quiet.quiet(c.in.awaited().raw) }
func (c *conn) heldPorts() []uint16                         { return c.ports.List() }
func (c *conn) silencer() string                            { return c.ports.Silencer().String() }

func (c *conn) route(dst netip.Addr) (Route, error) {
	route, err := c.routes.route(dst)
	return c.ports.checked(dst, route, err)
}

func (c *conn) stats() Stats {
	return Stats{
		Sent:        c.out.sent.Load(),
		SendErrors:  c.out.errors.Load(),
		SendRetries: c.out.retries.Load(),
		Received:    c.in.received.Load(),
		KernelDrops: c.in.drops(),
	}
}

func (c *conn) close() error {
	c.closing.Do(func() {
		c.routes.close()
		err := c.in.close() // before c.out, whose error queues it reads
		for _, next := range []error{c.out.close(), c.ports.Close()} {
			if err == nil {
				err = next
			}
		}
		c.closeErr = err
	})
	return c.closeErr
}
