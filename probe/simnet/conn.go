package simnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"synscope/craft"
	"synscope/netraw"
)

// Conn is our end of a Net. It behaves as a netraw.Conn does and satisfies
// probe.Polled.
type Conn struct {
	net      *Net
	ports    []uint16
	watch    bool
	opened   time.Time
	capacity int // packets that wait to be read; 0 is unbounded

	arrived  sync.Cond // L is net.mu
	queue    []received
	head     int      // first of queue not yet read
	lent     [][]byte // what the last Recv returned
	deadline time.Time
	waiting  bool        // a Recv waits
	woken    bool        // the next Await ends at once
	alarm    *time.Timer // wakes Recv at the deadline
	closed   bool
	stats    netraw.Stats
}

type received struct {
	data     []byte
	at       int64
	outgoing bool
}

// An Option changes how a Conn receives.
type Option func(*Conn)

// WatchOutgoing delivers the Conn's own packets too, stamped as they leave.
func WatchOutgoing() Option { return func(c *Conn) { c.watch = true } }

// ReceiveQueue lets at most n packets wait to be read; the others are counted
// as netraw.Stats.KernelDrops.
func ReceiveQueue(n int) Option { return func(c *Conn) { c.capacity = n } }

// firstPort begins Linux's default range of ephemeral ports (ip(7)).
const firstPort = 32768

// Conn opens a connection to the network that holds the given number of source
// ports, none of which any other Conn of this Net holds. Without
// WatchOutgoing, own packets are ignored.
func (n *Net) Conn(ports int, options ...Option) *Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := &Conn{net: n, opened: time.Now()}
	c.arrived.L = &n.mu
	for i := range ports {
		c.ports = append(c.ports, uint16(firstPort+n.held+i))
	}
	n.held += ports
	for _, option := range options {
		option(c)
	}
	n.open++
	return c
}

// Send puts IP packets on the network, in order, at this instant.
func (c *Conn) Send(pkts [][]byte) (int, error) {
	n := c.net
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	n.run(now)
	defer n.run(now)
	for i, pkt := range pkts {
		host, err := c.check(pkt)
		if err != nil {
			c.stats.SendErrors++
			if errors.Is(err, syscall.EPERM) && isReset(pkt) {
				c.stats.ResetsRefused++
			}
			return i, fmt.Errorf("send: %w", err)
		}
		c.stats.Sent++
		c.watchOutgoing(now, pkt)
		n.transmit(now, Out, c, host, append(n.buffer(), pkt...))
	}
	return len(pkts), nil
}

// check returns the destination of a packet that may leave.
func (c *Conn) check(pkt []byte) (netip.Addr, error) {
	host, ok := destination(pkt)
	switch {
	case c.closed:
		return host, net.ErrClosed
	case !ok:
		return host, netraw.ErrPacket
	case len(pkt) > c.net.cfg.MTU:
		return host, syscall.EMSGSIZE
	case c.net.cfg.SendError != nil:
		return host, c.net.cfg.SendError(pkt)
	}
	return host, nil
}

func (c *Conn) watchOutgoing(now int64, pkt []byte) {
	if !c.watch {
		return
	}
	own := received{data: append(c.net.buffer(), pkt...), at: now, outgoing: true}
	if c.accept(own) != Passed {
		c.net.release(own.data)
	}
}

// destination reads the destination address of an IP packet.
func destination(pkt []byte) (netip.Addr, bool) {
	switch {
	case len(pkt) >= 20 && pkt[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(pkt[16:20])), true
	case len(pkt) >= 40 && pkt[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(pkt[24:40])), true
	}
	return netip.Addr{}, false
}

// accept queues a packet for Recv, or says why it cannot be.
func (c *Conn) accept(p received) Fate {
	if c.closed {
		return Unclaimed
	}
	if c.capacity > 0 && len(c.queue)-c.head >= c.capacity {
		c.stats.KernelDrops++
		return Overflowed
	}
	c.queue = append(c.queue, p)
	c.arrived.Signal()
	return Passed
}

// Recv returns the packets that have arrived, at least one. As with Go's own
// connections a passed deadline wins over packets that wait.
func (c *Conn) Recv(pkts []netraw.Packet) (int, error) {
	if len(pkts) == 0 {
		return 0, nil
	}
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.giveBack()
	defer func() { c.waiting = false }()
	for {
		c.waiting = false
		c.net.run(c.net.now())
		if err := c.failed(); err != nil {
			return 0, fmt.Errorf("receive: %w", err)
		}
		if c.head < len(c.queue) {
			return c.take(pkts), nil
		}
		c.waiting = true
		c.arrived.Wait()
	}
}

// giveBack takes back what the last call returned.
func (c *Conn) giveBack() {
	for _, b := range c.lent {
		c.net.release(b)
	}
	c.lent = c.lent[:0]
}

// Quiet tells whether everything that has arrived has been returned by Recv,
// and a Recv waits for more.
func (c *Conn) Quiet() bool {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.net.run(c.net.now())
	return c.closed || c.waiting && c.head == len(c.queue)
}

func (c *Conn) failed() error {
	if c.closed {
		return net.ErrClosed
	}
	if !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

func (c *Conn) take(pkts []netraw.Packet) int {
	n := 0
	for ; n < len(pkts) && c.head < len(c.queue); n++ {
		p := c.queue[c.head]
		c.head++
		c.lent = append(c.lent, p.data)
		pkts[n] = netraw.Packet{Data: p.data, Time: c.net.stamp(p.at), Outgoing: p.outgoing, IfIndex: ifIndex}
	}
	if c.head == len(c.queue) {
		c.queue, c.head = c.queue[:0], 0
	}
	c.stats.Received += uint64(n)
	return n
}

// SetReadDeadline bounds Recv, one that waits included. The zero time is no
// deadline.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.deadline = t
	switch left := time.Until(t); {
	case t.IsZero(), left <= 0: // what has passed needs no alarm
		c.stopAlarm()
	case c.alarm == nil:
		c.alarm = time.AfterFunc(left, c.wake)
	default:
		c.alarm.Reset(left)
	}
	c.arrived.Broadcast()
	return nil
}

// wake takes the lock so that it cannot fall between the check in Recv and the
// wait that follows.
func (c *Conn) wake() {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.arrived.Broadcast()
}

func (c *Conn) stopAlarm() {
	if c.alarm != nil {
		c.alarm.Stop()
	}
}

// The one interface of a Net.
const (
	ifName  = "sim0"
	ifIndex = 2 // 1 is the loopback interface
)

// InZone is a link-local address with the zone of the one interface.
func (c *Conn) InZone(a netip.Addr, _ int) netip.Addr {
	if a.Is6() && a.IsLinkLocalUnicast() {
		return a.WithZone(ifName)
	}
	return a
}

// Route answers every destination with our first source address of its
// family, and netraw.ErrNoRoute where there is none.
func (c *Conn) Route(dst netip.Addr) (netraw.Route, error) {
	for _, source := range c.net.cfg.Sources {
		if source.Is4() == dst.Unmap().Is4() {
			return netraw.Route{Interface: ifName, IfIndex: ifIndex, Source: source, MTU: c.net.cfg.MTU}, nil
		}
	}
	return netraw.Route{}, fmt.Errorf("route to %s: %w", dst, netraw.ErrNoRoute)
}

// Ports are the source ports held.
func (c *Conn) Ports() []uint16 { return append([]uint16(nil), c.ports...) }

// Stats are the counters so far.
func (c *Conn) Stats() netraw.Stats {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.net.run(c.net.now())
	return c.stats
}

// MonotonicRaw is virtual time where the rest is.
func (c *Conn) MonotonicRaw() time.Duration { return time.Since(c.opened) }

// Close unblocks Recv and discards what was not read. What is still in flight
// to this Conn is lost.
func (c *Conn) Close() error {
	n := c.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	c.queue, c.head = nil, 0
	c.stopAlarm()
	c.arrived.Broadcast()
	n.open--
	n.arm(n.now())
	return nil
}

// isReset tells whether a packet is an RST.
func isReset(pkt []byte) bool {
	var p craft.Packet
	return p.Decode(pkt, craft.TrustChecksums) == nil && p.Kind == craft.PacketTCP && p.Segment.Flags.Has(craft.RST)
}
