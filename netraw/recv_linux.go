package netraw

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	recvBatch = 64
	// snapLength takes the largest IP packet that is not a jumbogram (RFC
	// 2675). It is one cache line more than a power of two, so that the
	// headers of a batch do not compete for the same lines.
	snapLength = 1<<16 + 64
	// controlLength takes the three control messages with room to spare.
	controlLength = 192

	defaultReceiveBuffer = 8 << 20
)

// receiver is the packet socket: AF_PACKET, SOCK_DGRAM, packet(7). It holds
// the arrays of recvmmsg(2), whose pointers lead into data and control and
// never change; only their pages that packets touched are resident.
type receiver struct {
	socket
	mu    sync.Mutex // one Recv at a time
	msgs  [recvBatch]unix.Mmsghdr
	iovs  [recvBatch]unix.Iovec
	names [recvBatch]unix.RawSockaddrLinklayer

	data, control []byte

	stamps   DeviceStamps
	left     *departures // nil: not asked for
	both     socket      // what Recv waits for: epoll(7) of the packet socket, and of what left follows
	bothOnce sync.Once
	fd       int // of the packet socket, where there is left

	attempt func(fd uintptr) bool // recvmmsg or collect; this and the next two are made once: a closure would allocate
	tryOnce func(fd uintptr)
	tryHeld func(uintptr) bool
	tried   bool // what the latest attempt said
	bell    bell // ends await
	want    int
	got     int
	errno   unix.Errno
	gone    []Packet // departures, in front of what was got

	received atomic.Uint64
	lost     dropCount
	stacked  sightings
	quiet    quiet
}

// open makes the socket in an order that keeps strangers out of its queue: it
// has no protocol until bind, and the filter by then. ETH_P_ALL, because the
// taps of one protocol run, and stamp, only after TCP has.
//
// It binds to all interfaces, whatever Config.Interface says: the kernel's
// own ICMP host-unreachable, for a neighbour that did not answer, arrives on
// lo, and a reply may come back another way than the probe went.
func (r *receiver) open(cfg Config, filter []bpf.Instruction) (err error) {
	r.data = make([]byte, recvBatch*snapLength)
	r.control = make([]byte, recvBatch*controlLength)
	r.attempt, r.stamps = r.recvmmsg, cfg.DeviceStamps
	r.tryOnce, r.tryHeld = r.try, r.hold
	for i := range r.msgs {
		r.prepare(i)
	}
	if err := r.bell.open(); err != nil {
		return err
	}
	r.socket, err = newSocket(unix.AF_PACKET, unix.SOCK_DGRAM, 0, func(fd int) error {
		return setUpReceive(fd, cfg, filter)
	})
	return err
}

func setUpReceive(fd int, cfg Config, filter []bpf.Instruction) error {
	if err := setFilter(fd, filter); err != nil {
		return err
	}
	err := setOptions(fd,
		option{"SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1},
		option{"PACKET_AUXDATA", unix.SOL_PACKET, unix.PACKET_AUXDATA, 1},
	)
	if err != nil {
		return err
	}
	if cfg.DeviceStamps != DeviceNone {
		_, flags := cfg.DeviceStamps.flags()
		if err := (option{"SO_TIMESTAMPING", unix.SOL_SOCKET, unix.SO_TIMESTAMPING, flags}).set(fd); err != nil {
			return err
		}
	}
	if !cfg.WatchOutgoing {
		if err := ignoreOutgoing.set(fd); err != nil {
			return err
		}
	}
	if err := setReceiveBuffer(fd, cfg.ReceiveBuffer); err != nil {
		return err
	}
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL)}))
}

func setReceiveBuffer(fd, size int) error {
	if size <= 0 {
		size = defaultReceiveBuffer
	}
	force := option{"SO_RCVBUFFORCE", unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size}
	if force.set(fd) == nil {
		return nil
	}
	return option{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, size}.set(fd)
}

func htons(v uint16) uint16 {
	b := [2]byte{byte(v >> 8), byte(v)}
	return *(*uint16)(unsafe.Pointer(&b))
}

// prepare points message i at its buffers.
func (r *receiver) prepare(i int) {
	r.iovs[i].Base = &r.data[i*snapLength]
	r.iovs[i].SetLen(snapLength)
	hdr := &r.msgs[i].Hdr
	hdr.Iov = &r.iovs[i]
	hdr.SetIovlen(1)
	hdr.Name = (*byte)(unsafe.Pointer(&r.names[i]))
	hdr.Control = &r.control[i*controlLength]
}

func (r *receiver) recv(pkts []Packet) (n int, err error) {
	if len(pkts) == 0 {
		return 0, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	waits, err := r.parked()
	for n == 0 && err == nil {
		n, err = r.once(pkts, func() error { return waits.raw.Read(r.tryHeld) })
	}
	r.received.Add(uint64(n))
	return n, err
}

func (r *receiver) try(fd uintptr) { r.tried = r.attempt(fd) }

// hold is attempt on the packet socket, which stays open meanwhile, for who waits for
// another; false means to wait for more.
func (r *receiver) hold(uintptr) bool {
	r.tried = false
	r.raw.Control(r.tryOnce)
	return r.tried
}

// parked is what Recv waits for as goroutines do. The packet socket itself is kept out of the
// runtime's poller, which has a thread woken for each packet: where packets are polled, none
// waits so.
func (r *receiver) parked() (*socket, error) {
	var err error
	r.bothOnce.Do(func() {
		if r.left == nil {
			err = r.withFD(func(fd int) (err error) { r.both, err = both(fd, nil); return err })
		}
	})
	if err == nil && r.both.raw == nil {
		err = net.ErrClosed
	}
	return &r.both, err
}

// poll returns what is there, nothing perhaps.
func (r *receiver) poll(pkts []Packet) (n int, err error) {
	if len(pkts) == 0 || r.raw == nil {
		return 0, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err = r.once(pkts, func() error { return r.raw.Control(r.tryOnce) })
	if errors.Is(err, unix.EAGAIN) {
		err = nil
	}
	r.received.Add(uint64(n))
	return n, err
}

func (r *receiver) await(d, gather time.Duration) { r.bell.gather(r.awaited(), d, gather) }
func (r *receiver) wake()                         { r.bell.ring() }
func (r *receiver) drained() bool                 { return !readable(r.raw) }

// once reads what comes by one call; none is left where all were seen already on
// an interface below.
func (r *receiver) once(pkts []Packet, read func() error) (int, error) {
	r.want = min(len(pkts), recvBatch)
	for i := range r.want {
		hdr := &r.msgs[i].Hdr
		hdr.Namelen = unix.SizeofSockaddrLinklayer
		hdr.SetControllen(controlLength)
	}
	if err := read(); err != nil {
		return 0, opError("recv", "packet", nil, waitError(err))
	}
	if r.errno != 0 {
		return 0, opError("recv", "packet", nil, os.NewSyscallError("recvmmsg", r.errno))
	}
	n := copy(pkts, r.gone)
	for i := range r.got {
		r.describe(i, &pkts[n])
		if !r.stacked.again(&pkts[n]) {
			n++
		}
	}
	return n, nil
}

// follow has Recv return departures as well, from the error queues of other
// sockets, which must be closed after r.
func (r *receiver) follow(errs []int) (err error) {
	r.withFD(func(fd int) error { r.fd = fd; return nil })
	if r.both, err = both(r.fd, errs); err != nil {
		return err
	}
	r.left, r.attempt = newDepartures(r.stamps, errs), r.collect
	return nil
}

// awaited is the file that is readable when there is something for Poll.
func (r *receiver) awaited() *socket {
	if r.left != nil {
		return &r.both
	}
	return &r.socket
}

// collect takes departures and packets that are there; false means to wait for
// more.
func (r *receiver) collect(uintptr) bool {
	r.quiet.begin()
	return r.quiet.end(r.takeBoth())
}

func (r *receiver) takeBoth() bool {
	r.gone = r.left.read(r.want)
	if r.want -= len(r.gone); r.want == 0 {
		r.got, r.errno = 0, 0
		return true
	}
	done := r.takePackets(uintptr(r.fd))
	if r.errno != 0 {
		r.got = 0
	}
	if len(r.gone) > 0 {
		r.errno = 0 // the next call meets it again
	}
	return done || len(r.gone) > 0
}

// recvmmsg takes what is there; false means to wait for more.
func (r *receiver) recvmmsg(fd uintptr) bool {
	r.quiet.begin()
	return r.quiet.end(r.takePackets(fd))
}

func (r *receiver) takePackets(fd uintptr) bool {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd,
			uintptr(unsafe.Pointer(&r.msgs[0])), uintptr(r.want), unix.MSG_DONTWAIT, 0, 0)
		r.got, r.errno = int(n), errno
		if errno != unix.EINTR {
			return errno != unix.EAGAIN
		}
	}
}

// describe makes a Packet of message i.
func (r *receiver) describe(i int, p *Packet) {
	msg, name := &r.msgs[i], &r.names[i]
	start := i * snapLength
	*p = Packet{
		Data:     r.data[start : start+int(msg.Len) : start+int(msg.Len)],
		Outgoing: name.Pkttype == unix.PACKET_OUTGOING,
		IfIndex:  int(name.Ifindex),
	}
	start = i * controlLength
	readControl(r.control[start:start+int(msg.Hdr.Controllen)], r.stamps, p)
	if p.Outgoing {
		p.DeviceTime = time.Time{} // the tap's own stamp again: it has not left yet
	}
}

// readControl reads the stamps and the state of the checksum from control
// messages, cmsg(3).
func readControl(b []byte, device DeviceStamps, p *Packet) {
	for len(b) >= unix.SizeofCmsghdr {
		hdr, data, rest, err := unix.ParseOneSocketControlMessage(b)
		if err != nil {
			return
		}
		switch {
		case hdr.Level == unix.SOL_SOCKET && hdr.Type == unix.SCM_TIMESTAMPNS:
			p.Time = stampOf(data)
		case hdr.Level == unix.SOL_SOCKET && hdr.Type == unix.SCM_TIMESTAMPING:
			p.DeviceTime = device.of(data)
		case hdr.Level == unix.SOL_PACKET && hdr.Type == unix.PACKET_AUXDATA:
			aux := (*unix.TpacketAuxdata)(unsafe.Pointer(unsafe.SliceData(data)))
			p.Partial = aux.Status&unix.TP_STATUS_CSUMNOTREADY != 0
			p.Valid = aux.Status&unix.TP_STATUS_CSUM_VALID != 0
		}
		b = rest
	}
}

// stampOf reads the data of SCM_TIMESTAMPNS, socket(7).
func stampOf(data []byte) time.Time {
	ts := (*unix.Timespec)(unsafe.Pointer(unsafe.SliceData(data)))
	return time.Unix(ts.Unix())
}

func (r *receiver) setReadDeadline(t time.Time) error {
	waits, err := r.parked()
	if err != nil {
		return err
	}
	return waitError(waits.file.SetReadDeadline(t))
}

// drops asks for PACKET_STATISTICS, which start again from zero at every
// question, packet(7), and keeps the sum.
func (r *receiver) drops() uint64 {
	return r.lost.packetDrops(r.raw)
}

// dropCount keeps the sum of what a packet socket could not hold.
type dropCount struct {
	mu    sync.Mutex
	total uint64
}

// packetDrops is the sum of what PACKET_STATISTICS tell of, packet(7).
func (d *dropCount) packetDrops(raw syscall.RawConn) uint64 {
	return d.sum(raw, func(fd int) (uint32, error) {
		st, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err != nil {
			return 0, err
		}
		return st.Drops, nil
	})
}

// sum asks for the drops since it was last asked, and returns those of all time.
func (d *dropCount) sum(raw syscall.RawConn, ask func(fd int) (drops uint32, err error)) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if raw != nil {
		raw.Control(func(fd uintptr) {
			if n, err := ask(int(fd)); err == nil {
				d.total += uint64(n)
			}
		})
	}
	return d.total
}

func (r *receiver) isQuiet() bool { return r.quiet.quiet(r.awaited().raw) }
func (r *receiver) total() uint64 { return r.received.Load() }

func (r *receiver) close() error {
	r.drops()
	r.bell.ring()
	r.bothOnce.Do(func() {})
	return errors.Join(r.both.close(), r.socket.close(), r.bell.close())
}

// waitError translates what the runtime's poller says: its own error for a
// closed file is not exported.
func waitError(err error) error {
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return net.ErrClosed
}
