package netraw

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// translated receives where this machine translates the addresses of what it sends
// (published ports of containers, cluster addresses, masquerading): the tap sees an
// answer as it came, from the translated address or for the translated port. Raw
// sockets get it after the kernel has undone that: what the tap has shown as well is
// left out of theirs, and the rest is marked. A packet meets the tap before the raw
// sockets (net/core/dev.c, __netif_receive_skb_core), so that one which the tap, once
// drained, has not shown has been translated.
type translated struct {
	tap     tap
	sockets []rawIntake
	any     socket // epoll(7) of all
	bell    bell
	mu      sync.Mutex

	shown    map[uint64]showing // packets that the tap has shown and no raw socket yet
	order    [maxShown]uint64
	next     int
	held     []Packet // of the raw sockets: the tap may still hold their copies
	dropped  uint64   // by the tap, as far as is known
	seed     maphash.Seed
	deadline atomic.Int64
	waiting  atomic.Bool
	closed   atomic.Bool
	received atomic.Uint64
}

// tap is an intake that sees packets as they are on the wire, and tells whether all
// that came has been taken from it.
type tap interface {
	intake
	withFD(f func(fd int) error) error
	drained() bool
}

// showing is how often the tap has shown a packet since a raw socket did, and its
// place in the order.
type showing struct {
	times uint8
	place int
}

const (
	maxShown = 4096 // packets that are remembered until a raw socket shows them
	maxHeld  = 64
)

// rawIntake is a raw socket that gets what is delivered to this machine.
type rawIntake struct {
	socket
	four    bool
	proto   uint8
	data    []byte
	control [rawControl]byte
	used    int // of data, since the last poll
}

const (
	rawRoom    = 1 << 18 // bytes for the packets of one poll
	rawControl = 192
)

// openTranslated adds the raw sockets to a tap, and owns it.
func openTranslated(in tap, ports []uint16) (_ intake, err error) {
	t := &translated{tap: in, shown: map[uint64]showing{}, seed: maphash.MakeSeed()}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	if err = t.bell.open(); err != nil {
		return nil, err
	}
	for _, kind := range []struct {
		domain, proto int
		filter        []bpf.Instruction
	}{
		{unix.AF_INET, unix.IPPROTO_TCP, receiveFilter(ports)},
		{unix.AF_INET, unix.IPPROTO_ICMP, receiveFilter(ports)},
		{unix.AF_INET6, unix.IPPROTO_TCP, transportFilter(ports)},
		{unix.AF_INET6, unix.IPPROTO_ICMPV6, errorFilter(ports)},
	} {
		r := rawIntake{four: kind.domain == unix.AF_INET, proto: uint8(kind.proto), data: make([]byte, rawRoom)}
		r.socket, err = newSocket(kind.domain, unix.SOCK_RAW|unix.SOCK_NONBLOCK, kind.proto, func(fd int) error {
			return r.setUp(fd, kind.filter)
		})
		if errors.Is(err, unix.EAFNOSUPPORT) && !r.four {
			continue
		}
		if err != nil {
			return nil, err
		}
		t.sockets = append(t.sockets, r)
	}
	t.any, err = t.watchAll()
	return t, err
}

func (r *rawIntake) setUp(fd int, filter []bpf.Instruction) error {
	if err := setFilter(fd, filter); err != nil {
		return err
	}
	options := []option{{"SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1}}
	if r.four {
		options = append(options, option{"IP_PKTINFO", unix.IPPROTO_IP, unix.IP_PKTINFO, 1})
	} else {
		options = append(options, option{"IPV6_RECVPKTINFO", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1},
			option{"IPV6_RECVHOPLIMIT", unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1})
	}
	return errors.Join(setOptions(fd, options...), setReceiveBuffer(fd, 0))
}

// transportFilter passes TCP segments for the ports, from the TCP header on, as raw
// IPv6 sockets get them; errorFilter passes ICMPv6 errors that quote a segment from
// one of them.
func transportFilter(ports []uint16) []bpf.Instruction {
	return assemble(append([]line{{op: bpf.LoadAbsolute{Off: 2, Size: 2}}}, amongPorts("ports", sorted(ports))...))
}

func errorFilter(ports []uint16) []bpf.Instruction {
	return assemble(append([]line{
		{op: bpf.LoadAbsolute{Off: 0, Size: 1}},
		{op: bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 4}, yes: "drop"},
		{op: bpf.LoadAbsolute{Off: 8 + 6, Size: 1}},
		{op: equal(protoTCP), no: "pass"}, // behind extension headers, perhaps: the reader looks
		{op: bpf.LoadAbsolute{Off: 8 + 40, Size: 2}},
		{op: bpf.Jump{}, yes: "ports"},
		{label: "drop", op: bpf.RetConstant{Val: 0}},
		{label: "pass", op: bpf.RetConstant{Val: passLength}},
	}, amongPorts("ports", sorted(ports))...))
}

func (t *translated) watchAll() (socket, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return socket{}, os.NewSyscallError("epoll_create1", err)
	}
	err = t.tap.withFD(func(in int) error { return watch(fd, in, unix.EPOLLIN) })
	for i := range t.sockets {
		err = errors.Join(err, t.sockets[i].withFD(func(in int) error { return watch(fd, in, unix.EPOLLIN) }))
	}
	if err != nil {
		unix.Close(fd)
		return socket{}, err
	}
	return socketOf(fd)
}

func (t *translated) poll(pkts []Packet) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.take(pkts)
}

// take reads the tap, settles what the raw sockets had before, and then reads these.
func (t *translated) take(pkts []Packet) (n int, err error) {
	if t.closed.Load() {
		return 0, opError("recv", "packet", nil, net.ErrClosed)
	}
	n, err = t.tap.poll(pkts)
	for i := range pkts[:n] {
		if !pkts[i].Outgoing {
			t.show(&pkts[i])
		}
	}
	if len(t.held) > 0 {
		n = t.settle(pkts, n, t.tap.drained())
	}
	for i := range t.sockets {
		t.read(&t.sockets[i], pkts[:n])
	}
	t.received.Add(uint64(n))
	return n, err
}

// settle judges what is held by what the tap has shown since, and where that was all that
// came, the rest, as far as there is room. Where the tap has lost packets, one that it did
// not show may be as it came.
func (t *translated) settle(pkts []Packet, n int, all bool) int {
	whole := true
	if all {
		dropped := t.tap.drops()
		whole, t.dropped = dropped == t.dropped, dropped
	}
	kept := t.held[:0]
	for _, p := range t.held {
		switch {
		case t.wasShown(&p), instead(pkts[:n], p):
		case all && n < len(pkts):
			p.Translated = whole
			pkts[n] = p
			n++
		default:
			kept = append(kept, p)
		}
	}
	t.held = kept
	return n
}

// read takes packets from a raw socket. What the tap has shown is left out; what it
// has shown under another address takes that one's place, also where there is no room
// for more; the rest is held.
func (t *translated) read(r *rawIntake, pkts []Packet) {
	var p Packet
	for r.used = 0; len(t.held) < maxHeld && r.read(&p); {
		if !t.wasShown(&p) && !instead(pkts, p) {
			p.Data = bytes.Clone(p.Data)
			t.held = append(t.held, p)
		}
	}
}

// instead puts a packet in the place of the one that is the same as it came, if there
// is one.
func instead(pkts []Packet, p Packet) (found bool) {
	for i := range pkts {
		if q := &pkts[i]; !q.Outgoing && !q.Translated && sameSegment(q.Data, p.Data) {
			p.Translated, p.Wire = true, sourceOf(q.Data)
			*q = p
			return true
		}
	}
	return false
}

// show remembers what the tap has shown.
func (t *translated) show(p *Packet) {
	mark := identity(t.seed, p.Data)
	was := t.shown[mark]
	if was.times == 0 {
		was.place = t.next
		t.forget(t.next % maxShown)
		t.order[t.next%maxShown] = mark
		t.next++
	}
	was.times = min(100, was.times+1)
	t.shown[mark] = was
}

// forget makes room in the order. The packet there may have been shown anew since.
func (t *translated) forget(at int) {
	if old := t.order[at]; t.shown[old].place%maxShown == at {
		delete(t.shown, old)
	}
}

// wasShown reports whether the tap has shown a packet of a raw socket, once for each.
func (t *translated) wasShown(p *Packet) bool {
	mark := identity(t.seed, p.Data)
	was := t.shown[mark]
	if was.times == 0 {
		return false
	}
	was.times--
	t.shown[mark] = was
	return true
}

// read takes one packet from a raw socket, if there is one and room for it.
func (r *rawIntake) read(p *Packet) (ok bool) {
	room := r.data[r.used:]
	if len(room) < ipv6Header+1<<12 {
		return false
	}
	r.withFD(func(fd int) error {
		at := room
		if !r.four {
			at = room[ipv6Header:]
		}
		n, controls, _, from, err := unix.Recvmsg(fd, at, r.control[:], unix.MSG_DONTWAIT)
		if err != nil {
			return err
		}
		*p = Packet{Valid: true, Data: at[:n]} // connection tracking has verified the sum
		r.describe(p, r.control[:controls])
		if v6, is := from.(*unix.SockaddrInet6); is {
			p.Data = r.header(room, n, v6.Addr)
		}
		r.used += len(p.Data) + ipv6Header
		ok = true
		return nil
	})
	return ok
}

const ipv6Header = 40

// header makes the IPv6 header that the kernel took off, as far as it is known: the
// destination and the hop limit are there already.
func (r *rawIntake) header(room []byte, length int, src [16]byte) []byte {
	binary.BigEndian.PutUint32(room, 6<<28)
	binary.BigEndian.PutUint16(room[4:], uint16(length))
	room[6] = r.proto
	copy(room[8:24], src[:])
	return room[:ipv6Header+length]
}

func (r *rawIntake) describe(p *Packet, control []byte) {
	room := r.data[r.used:]
	for len(control) >= unix.SizeofCmsghdr {
		hdr, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return
		}
		switch {
		case hdr.Level == unix.SOL_SOCKET && hdr.Type == unix.SCM_TIMESTAMPNS:
			p.Time = stampOf(data)
		case hdr.Level == unix.IPPROTO_IP && hdr.Type == unix.IP_PKTINFO:
			p.IfIndex = int((*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0])).Ifindex)
		case hdr.Level == unix.IPPROTO_IPV6 && hdr.Type == unix.IPV6_PKTINFO:
			info := (*unix.Inet6Pktinfo)(unsafe.Pointer(&data[0]))
			p.IfIndex = int(info.Ifindex)
			copy(room[24:40], info.Addr[:])
		case hdr.Level == unix.IPPROTO_IPV6 && hdr.Type == unix.IPV6_HOPLIMIT:
			room[7] = data[0] | data[3] // an int of either order
		}
		control = rest
	}
}

func (t *translated) recv(pkts []Packet) (n int, err error) {
	if len(pkts) == 0 {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.waiting.Store(false)
	for n == 0 && err == nil {
		left := time.Hour
		if at := t.deadline.Load(); at != 0 {
			left = time.Until(time.Unix(0, at))
		}
		if left <= 0 {
			return 0, opError("recv", "packet", nil, os.ErrDeadlineExceeded)
		}
		t.waiting.Store(false)
		if n, err = t.take(pkts); n == 0 && err == nil && len(t.held) == 0 {
			t.waiting.Store(true)
			t.bell.await(&t.any, left)
		}
	}
	return n, err
}

func (t *translated) await(d, gather time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed.Load() && len(t.held) == 0 {
		t.tap.poll(nil) // gives back what was returned before
		t.bell.gather(&t.any, d, gather)
	}
}

func (t *translated) setReadDeadline(at time.Time) error {
	if t.closed.Load() {
		return net.ErrClosed
	}
	t.deadline.Store(0)
	if !at.IsZero() {
		t.deadline.Store(at.UnixNano())
	}
	t.bell.ring()
	return nil
}

func (t *translated) isQuiet() bool {
	return t.closed.Load() || t.waiting.Load() && !readable(t.any.raw) && t.waiting.Load()
}

func (t *translated) wake()            { t.bell.ring() }
func (t *translated) unwatch() error   { return t.tap.unwatch() }
func (t *translated) total() uint64    { return t.received.Load() }
func (t *translated) drops() uint64    { return t.tap.drops() }
func (t *translated) backlog() float64 { return t.tap.backlog() }

func (t *translated) close() error {
	t.closed.Store(true)
	t.bell.ring()
	t.mu.Lock()
	defer t.mu.Unlock()
	err := errors.Join(t.tap.close(), t.any.close(), t.bell.close())
	for i := range t.sockets {
		err = errors.Join(err, t.sockets[i].close())
	}
	return err
}
