package netraw

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"synscope/craft"
)

// xdpConn is what XDPConn is on Linux.
type xdpConn struct {
	engine
	program xdpProgram
	out     xdpSender
	in      xdpReceiver

	closing  sync.Once
	closeErr error
}

func (c *xdpConn) open(cfg Config, t Templates, cookie XDPCookie) (err error) {
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if cfg.Interface == "" {
		return fmt.Errorf("netraw: the xdp engine sends through one interface, and none was named: %w", ErrNoInterface)
	}
	if cookie.Attempts < 1 || cookie.Attempts > MaxXDPAttempts {
		return fmt.Errorf("netraw: %d attempts: %w", cookie.Attempts, ErrXDPCookie)
	}
	if err := c.base.open(cfg, t); err != nil {
		return err
	}
	ifindex := c.ways.routes.ifindex
	mac, veth, ether := c.ways.ethernet(ifindex)
	if !ether {
		return fmt.Errorf("netraw: interface %s: %w", cfg.Interface, ErrXDPInterface)
	}
	if err := c.start(xdpSettings{
		ifindex: ifindex, redirects: veth, mac: mac, ring: cfg.ReceiveBuffer, metal: isMetal(cfg.Interface),
		ports: c.ports.List(), templates: c.templates, cookie: cookie,
	}); err != nil {
		return fmt.Errorf("netraw: XDP on %s: %w", cfg.Interface, xdpError(err))
	}
	return nil
}

// start brings the programs to life, and tells them of the hops.
func (c *xdpConn) start(settings xdpSettings) error {
	if err := c.program.load(settings); err != nil {
		return err
	}
	c.out.open(&c.program, c.templates)
	if err := c.in.open(&c.program); err != nil {
		return err
	}
	if err := c.program.attach(settings.ifindex); err != nil {
		return err
	}
	c.ways.mu.Lock()
	defer c.ways.mu.Unlock()
	c.ways.only = settings.ifindex
	c.ways.hops.publish = c.out.publish
	return nil
}

// xdpError adds the sentinel that a refusal of bpf(2) stands for.
func xdpError(err error) error {
	if errors.As(err, new(*ebpf.VerifierError)) {
		return fmt.Errorf("%w: %w", err, ErrXDPKernel)
	}
	if isErrno(err, unix.ENOSYS) || isErrno(err, unix.EPERM, unix.EACCES) && holds(unix.CAP_BPF, unix.CAP_NET_ADMIN, unix.CAP_PERFMON) {
		return fmt.Errorf("%w: %w", err, ErrXDPSandbox)
	}
	for _, known := range []struct {
		from error
		to   error
	}{
		{unix.EPERM, ErrXDPPermission},
		{unix.EBUSY, ErrXDPBusy},
		{unix.EEXIST, ErrXDPBusy},
		{unix.EOPNOTSUPP, ErrXDPInterface},
		{ebpf.ErrNotSupported, ErrXDPKernel},
		{unix.EINVAL, ErrXDPKernel},
	} {
		if errors.Is(err, known.from) {
			return fmt.Errorf("%w: %w", err, known.to)
		}
	}
	return err
}

func (c *xdpConn) blast(probes []craft.Fields) (int, error) { return c.base.blast(c, probes) }

func (c *xdpConn) add(probe *craft.Fields, place, hop int) error {
	return c.out.add(probe, place, uint32(hop))
}

func (c *xdpConn) finish(n int) (int, error) {
	for _, source := range c.out.newSources {
		c.expect(source)
	}
	c.out.newSources = c.out.newSources[:0]
	return c.out.flush(n)
}

func (c *xdpConn) expect(source netip.Addr) { c.in.expect(source) }

func (c *xdpConn) recv(pkts []Packet) (int, error)   { return c.in.recv(pkts) }
func (c *xdpConn) isQuiet() bool                     { return c.in.quiet.quiet(c.in.raw) }
func (c *xdpConn) setReadDeadline(t time.Time) error { return c.in.setReadDeadline(t) }
func (c *xdpConn) rejected() map[string]uint64       { return c.in.rejected() }
func (c *xdpConn) native() bool                      { return c.program.native }

func (c *xdpConn) stats() Stats {
	return c.base.stats(&c.out.frameCount, c.in.received.Load(), c.in.drops())
}

func (c *xdpConn) close() error {
	c.closing.Do(func() {
		c.ways.mu.Lock()
		c.closed, c.ways.hops.publish = true, nil
		c.ways.mu.Unlock()
		c.closeErr = errors.Join(c.in.close(), c.program.close(), c.base.close())
	})
	return c.closeErr
}
