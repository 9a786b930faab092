package netraw

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"synscope/craft"
)

// base is what both fast engines share: routes and neighbours, held ports, and the
// raw sockets for what cannot be sent as a frame.
type base struct {
	ways      ways
	ports     *Ports
	kernel    sender
	templates Templates
	refused   atomic.Uint64 // probes that no socket was tried for
	closed    bool          // guarded by the lock of ways

	single [1][]byte // the probe that goes through the kernel
	packet []byte
}

func (b *base) open(cfg Config, t Templates) (err error) {
	cfg.Ports = cmp.Or(cfg.Ports, 1)
	if err := checkOutput(cfg.Interface); err != nil {
		return fmt.Errorf("netraw: %w", err)
	}
	b.templates = t
	b.ways.longest = t.longest()
	cfg.Source = cfg.Source.Unmap()
	if err := b.ways.open(cfg); err != nil {
		return fmt.Errorf("netraw: %w", err)
	}
	if b.ports, err = HoldPorts(cfg.Ports, &PortConfig{Port: cfg.SourcePort, Source: cfg.Source}); err != nil {
		return err
	}
	if err := b.kernel.open(Config{Interface: cfg.Interface, Source: cfg.Source}, &b.ways.routes); err != nil {
		return fmt.Errorf("netraw: open raw socket: %w", permission(err))
	}
	return nil
}

func (b *base) send(pkts [][]byte) (int, error) { return b.kernel.send(pkts) }
func (b *base) sendEach(pkts [][]byte, via []int, refused func(int, error)) int {
	return b.kernel.sendEach(pkts, via, refused)
}
func (b *base) inZone(a netip.Addr, ifindex int) netip.Addr { return b.ways.routes.inZone(a, ifindex) }
func (b *base) routeRemarks() []string                      { return b.ways.routes.remarks() }
func (b *base) routeChanges() uint64                        { return b.ways.changes.Load() }
func (b *base) heldPorts() []uint16                         { return b.ports.List() }
func (b *base) silencer() string                            { return b.ports.Silencer().String() }

func (b *base) route(dst netip.Addr) (Route, error) {
	if NoHost(dst) != nil {
		return Route{Broadcast: true}, nil
	}
	route, err := b.ways.route(dst)
	return b.ports.checked(dst, route, err)
}

func (b *base) takesIn(ifindex int, src, dst netip.Addr) error {
	return b.ways.routes.takesIn(ifindex, src, dst)
}

func (b *base) routeFlow(port uint16, dst netip.AddrPort) (Route, error) {
	route, err := b.ways.routes.routeFlow(dst.Addr(), flowPorts{port, dst.Port()})
	return b.ports.checked(dst.Addr(), route, err)
}

// frameCount counts the frames of an engine.
type frameCount struct{ sent, retries atomic.Uint64 }

// stats adds up what left as frames, what left through the kernel, and what came.
func (b *base) stats(frames *frameCount, received, drops uint64) Stats {
	return Stats{
		Sent:          b.kernel.sent.Load() + frames.sent.Load(),
		SendErrors:    b.kernel.errors.Load() + b.refused.Load(),
		ResetsRefused: b.kernel.resetsRefused.Load(),
		SendRetries:   b.kernel.retries.Load() + frames.retries.Load(),
		Received:      received,
		KernelDrops:   drops,
	}
}

func (b *base) close() error {
	b.ways.close()
	return errors.Join(b.kernel.close(), b.ports.Close())
}

// transmitter is what lets the frames of an engine out.
type transmitter interface {
	// add makes a frame for a hop, of the probe at a place in the stretch. After
	// an error, finish may make room for it.
	add(probe *craft.Fields, place, hop int) error
	// finish sends what was added of the first n probes. It returns n, or the
	// place of the first that did not leave.
	finish(n int) (place int, err error)
	// expect is told the source of a probe that leaves another way.
	expect(source netip.Addr)
}

// blast sends runs of probes that have a frame, and between them those that
// have none.
func (b *base) blast(out transmitter, probes []craft.Fields) (int, error) {
	b.ways.mu.Lock()
	defer b.ways.mu.Unlock()
	for done := 0; done < len(probes); {
		b.ways.routes.checkSources()
		if b.closed {
			return done, opError("send", "ip", nil, net.ErrClosed)
		}
		n, err := b.stretch(out, probes[done:])
		done += n
		if err != nil {
			return done, b.refuse(&probes[done], err)
		}
	}
	return len(probes), nil
}

// stretch sends the probes at the front that have a frame, or else the one
// that has none. Where the firewall may have changed, the first goes through it.
func (b *base) stretch(out transmitter, probes []craft.Fields) (int, error) {
	if b.kernel.obeyed.kernelOnly() {
		if err := b.ask(out, &probes[0]); err != nil {
			return 0, err
		}
		return 1, nil
	}
	for i := range probes {
		hop, wait, err := b.ways.to(probes[i].Dst.Addr())
		if err == nil {
			err = b.ways.routes.departedFrom(probes[i].Src.Addr())
		}
		if err == nil && hop >= 0 {
			if err = out.add(&probes[i], i, hop); err == nil {
				continue
			}
		}
		switch {
		case i > 0:
			return out.finish(i)
		case err != nil:
			return 0, err
		}
		out.expect(probes[0].Src.Addr())
		if err := b.throughKernel(&probes[0], wait); err != nil {
			return 0, err
		}
		return 1, nil
	}
	return out.finish(len(probes))
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
	zone, err := b.ways.zone(probe.Dst.Addr())
	if err != nil {
		return err
	}
	if _, err := b.kernel.sendVia(b.single[:], []int{zone}); err != nil || wait == viaUnknown {
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
	return opError("send", "ip", net.TCPAddrFromAddrPort(probe.Dst), sendReason(err))
}
