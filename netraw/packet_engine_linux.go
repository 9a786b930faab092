package netraw

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"synscope/craft"
)

// base is what both fast engines stand on: ways to send by, held ports, and
// the raw sockets for what cannot be made into a frame.
type base struct {
	ways      ways
	ports     *Ports
	kernel    sender
	templates Templates
	refused   atomic.Uint64 // probes that no socket was tried for

	single [1][]byte // the probe that goes through the kernel
	packet []byte
}

func (b *base) open(cfg Config, t Templates) (err error) {
	if cfg.Ports == 0 {
		cfg.Ports = 1
	}
	b.templates = t
	cfg.Source = cfg.Source.Unmap()
	if err := b.ways.open(cfg.Interface, cfg.Source); err != nil {
		return fmt.Errorf("netraw: %w", err)
	}
	if b.ports, err = HoldPorts(cfg.Ports, &PortConfig{Port: cfg.SourcePort}); err != nil {
		return err
	}
	if err := b.kernel.open(Config{Interface: cfg.Interface, Source: cfg.Source}, b.ways.routes.ifindex); err != nil {
		return fmt.Errorf("netraw: open raw socket: %w", permission(err))
	}
	return nil
}

func (b *base) send(pkts [][]byte) (int, error)     { return b.kernel.send(pkts) }
func (b *base) route(dst netip.Addr) (Route, error) { return b.ways.route(dst) }
func (b *base) heldPorts() []uint16                 { return b.ports.List() }
func (b *base) silencer() string                    { return b.ports.Silencer().String() }

func (b *base) close() error {
	b.ways.close()
	return errors.Join(b.kernel.close(), b.ports.Close())
}

// throughKernel sends a probe that has no hop, and waits for the one that the
// next probes will have. The lock of ways is held.
func (b *base) throughKernel(probe *craft.Fields, wait via) error {
	template, err := b.templates.of(probe)
	if err != nil {
		return err
	}
	b.packet = template.AppendTo(b.packet[:0], *probe)
	b.single[0] = b.packet
	if _, err := b.kernel.send(b.single[:]); err != nil || wait == viaUnknown {
		return err
	}
	return b.ways.await(wait)
}

// refuse counts and names the probe that did not leave, unless the raw socket
// has done so.
func (b *base) refuse(probe *craft.Fields, err error) error {
	if errors.As(err, new(*net.OpError)) {
		return err
	}
	b.refused.Add(1)
	return opError("send", "ip", net.TCPAddrFromAddrPort(probe.Dst), err)
}

// packetConn is what PacketConn is on Linux.
type packetConn struct {
	base
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
		return fmt.Errorf("netraw: open packet socket: %w", permission(err))
	}
	return nil
}

// blast sends runs of probes that have a frame, and between them those that
// have none: so what has left is always the first so many.
func (c *packetConn) blast(probes []craft.Fields) (int, error) {
	c.ways.mu.Lock()
	defer c.ways.mu.Unlock()
	for done := 0; done < len(probes); {
		n, err := c.stretch(probes[done:])
		done += n
		if err != nil {
			return done, c.refuse(&probes[done], err)
		}
	}
	return len(probes), nil
}

// stretch sends the probes at the front that go the same way, at least one.
func (c *packetConn) stretch(probes []craft.Fields) (int, error) {
	for i := range probes {
		n, wait, err := c.ways.to(probes[i].Dst.Addr())
		if err == nil && n >= 0 && !c.out.full() {
			if err = c.out.add(&probes[i], &c.ways.hops.table[n]); err == nil {
				continue
			}
		}
		switch {
		case i > 0:
			return c.out.flush()
		case err != nil:
			return 0, err
		}
		if err := c.throughKernel(&probes[0], wait); err != nil {
			return 0, err
		}
		return 1, nil
	}
	return c.out.flush()
}

func (c *packetConn) recv(pkts []Packet) (int, error)   { return c.in.recv(pkts) }
func (c *packetConn) setReadDeadline(t time.Time) error { return c.in.setReadDeadline(t) }

func (c *packetConn) stats() Stats {
	return Stats{
		Sent:        c.kernel.sent.Load() + c.out.sent.Load(),
		SendErrors:  c.kernel.errors.Load() + c.refused.Load(),
		SendRetries: c.kernel.retries.Load() + c.out.retries.Load(),
		Received:    c.in.received.Load(),
		KernelDrops: c.in.drops(),
	}
}

func (c *packetConn) close() error {
	c.closing.Do(func() {
		c.closeErr = errors.Join(c.in.close(), c.out.close(), c.base.close())
	})
	return c.closeErr
}
