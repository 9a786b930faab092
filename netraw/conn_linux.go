package netraw

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/bpf"
)

// conn is what Conn is on Linux: one socket that receives, two that send, a
// netlink socket for routes, and the held ports.
type conn struct {
	routes     router
	moved      routeChanges
	considered atomic.Uint64 // what the routes were looked at after
	ports      *Ports
	in         intake
	out        sender
	beside     *sender // another with sockets of its own; nil: there is none

	closing  sync.Once
	closeErr error
}

// intake is where packets come in: a socket's queue, or frames shared with the
// kernel.
type intake interface {
	recv(pkts []Packet) (int, error)
	poll(pkts []Packet) (int, error)
	await(d, gather time.Duration)
	wake()
	unwatch() error
	setReadDeadline(t time.Time) error
	isQuiet() bool
	total() uint64
	drops() uint64
	backlog() float64
	close() error
}

// openIntakeFor opens what a connection with these ports receives by.
func openIntakeFor(cfg Config, ports []uint16) (intake, error) {
	in, err := openIntake(cfg, receiveFilter(ports))
	if err != nil || cfg.DeviceStamps != DeviceNone || !OutputTranslated() {
		return in, err
	}
	return openTranslated(in, ports)
}

// openIntake opens the frames that are asked for, or a socket where the kernel
// has none.
func openIntake(cfg Config, filter []bpf.Instruction) (tap, error) {
	if cfg.SharedFrames && cfg.DeviceStamps == DeviceNone {
		in := &frames{}
		if err := in.open(cfg, filter); err == nil || errors.Is(permission(err), ErrPermission) {
			return in, err
		}
	}
	in := &receiver{}
	return in, in.open(cfg, filter)
}

// open acquires, in this order, what depends on names of the configuration, the ports,
// and the sockets that need the ports. After an error it has released everything.
func (c *conn) open(cfg Config) (err error) {
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	cfg.Ports = cmp.Or(cfg.Ports, 1)
	cfg.Source = cfg.Source.Unmap()
	if cfg.SendFrames {
		if err := checkAnyOutput(); err != nil {
			return fmt.Errorf("netraw: %w", err)
		}
	}
	if err := errors.Join(c.moved.open(), c.routes.open(cfg)); err != nil { // in this order: no change falls between
		return fmt.Errorf("netraw: %w", err)
	}
	c.routes.ranges.open()
	c.routes.own.changes = c.moved.changes
	if c.ports, err = HoldPorts(cfg.Ports, &PortConfig{Port: cfg.SourcePort, Source: cfg.Source}); err != nil {
		return err
	}
	if c.in, err = openIntakeFor(cfg, c.ports.List()); err != nil {
		return fmt.Errorf("netraw: open packet socket: %w", permission(err))
	}
	awaitStamps()
	if err := c.out.open(cfg, &c.routes); err != nil {
		return fmt.Errorf("netraw: open raw socket: %w", permission(err))
	}
	if cfg.SendFrames {
		if err := c.openFrames(cfg); err != nil {
			return fmt.Errorf("netraw: open packet socket: %w", permission(err))
		}
	}
	if in, ok := c.in.(*receiver); ok && cfg.DeviceStamps != DeviceNone {
		return in.follow(c.out.descriptors())
	}
	return nil
}

// openFrames lets packets leave as frames, and, where more than one processor is
// there, over a second set of sockets too: when SendBeside asks for those, the program may
// have given up the right to open them.
func (c *conn) openFrames(cfg Config) error {
	c.out.frames = &frameSender{}
	if err := c.out.frames.open(nil, &c.routes.obeyed); err != nil || runtime.GOMAXPROCS(0) == 1 || cfg.DeviceStamps != DeviceNone {
		return err
	}
	c.beside = &sender{frames: &frameSender{}}
	if err := c.beside.open(cfg, &c.routes); err != nil {
		return err
	}
	return c.beside.frames.open(c.out.frames.frameTable, &c.routes.obeyed)
}

func (c *conn) send(pkts [][]byte) (int, error) { return c.out.send(pkts) }

func (c *conn) sendBeside() (send func(pkts [][]byte) (int, error), ok bool) {
	if c.beside == nil {
		return nil, false
	}
	return c.beside.send, true
}
func (c *conn) sendEach(pkts [][]byte, via []int, refused func(int, error)) int {
	return c.out.sendEach(pkts, via, refused)
}
func (c *conn) inZone(a netip.Addr, ifindex int) netip.Addr { return c.routes.inZone(a, ifindex) }
func (c *conn) routeRemarks() []string                      { return c.routes.remarks() }
func (c *conn) recv(pkts []Packet) (int, error)             { return c.in.recv(pkts) }
func (c *conn) setReadDeadline(t time.Time) error           { return c.in.setReadDeadline(t) }
func (c *conn) isQuiet() bool                               { return c.in.isQuiet() }
func (c *conn) poll(pkts []Packet) (int, error)             { return c.in.poll(pkts) }
func (c *conn) await(d, gather time.Duration)               { c.in.await(d, gather) }
func (c *conn) wake()                                       { c.in.wake() }
func (c *conn) unwatch() error                              { return c.in.unwatch() }
func (c *conn) heldPorts() []uint16                         { return c.ports.List() }
func (c *conn) lend() (uint16, bool)                        { return c.ports.lend() }
func (c *conn) silencer() string                            { return c.ports.Silencer().String() }

func (c *conn) routeChanges() uint64 {
	n := c.moved.changes()
	if c.considered.Swap(n) != n {
		c.routes.reconsider()
	}
	return n
}

func (c *conn) takesIn(ifindex int, src, dst netip.Addr) error {
	return c.routes.takesIn(ifindex, src, dst)
}

func (c *conn) routeFlow(port uint16, dst netip.AddrPort) (Route, error) {
	route, err := c.routes.routeFlow(dst.Addr(), flowPorts{port, dst.Port()})
	return c.ports.checked(dst.Addr(), route, err)
}

func (c *conn) route(dst netip.Addr) (Route, error) {
	route, err := c.routes.route(dst)
	if err == nil && c.out.frames != nil && !route.PerFlow {
		c.out.frames.note(dst.Unmap(), &route)
	}
	return c.ports.checked(dst, route, err)
}

func (c *conn) stats() Stats {
	s := Stats{Received: c.in.total(), KernelDrops: c.in.drops()}
	c.out.count(&s)
	if c.beside != nil {
		c.beside.count(&s)
	}
	return s
}

func (c *conn) close() error {
	c.closing.Do(func() {
		c.routes.close()
		c.moved.close()
		var err error
		if c.in != nil {
			err = c.in.close() // before c.out, whose error queues it reads
		}
		for _, next := range []error{c.out.close(), c.closeFrames(), c.ports.Close()} {
			if err == nil {
				err = next
			}
		}
		c.closeErr = err
	})
	return c.closeErr
}

func (c *conn) closeFrames() (err error) {
	if c.beside != nil {
		err = c.beside.close()
	}
	if f := c.out.frames; f != nil && f.frameTable != nil {
		f.frameTable.close()
	}
	return err
}
