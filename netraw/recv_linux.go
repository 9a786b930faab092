package netraw

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
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
	// controlLength takes the two control messages with room to spare.
	controlLength = 128

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

	attempt func(fd uintptr) bool // recvmmsg, made once: a closure would allocate
	want    int
	got     int
	errno   unix.Errno

	received atomic.Uint64
	statsMu  sync.Mutex
	dropped  uint64
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
	r.attempt = r.recvmmsg
	for i := range r.msgs {
		r.prepare(i)
	}
	r.socket, err = newSocket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0, func(fd int) error {
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
	if !cfg.WatchOutgoing {
		err := option{"PACKET_IGNORE_OUTGOING", unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1}.set(fd)
		if err != nil {
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

func (r *receiver) recv(pkts []Packet) (int, error) {
	if len(pkts) == 0 {
		return 0, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.want = min(len(pkts), recvBatch)
	for i := range r.want {
		hdr := &r.msgs[i].Hdr
		hdr.Namelen = unix.SizeofSockaddrLinklayer
		hdr.SetControllen(controlLength)
	}
	if err := r.raw.Read(r.attempt); err != nil {
		return 0, opError("recv", "packet", nil, waitError(err))
	}
	if r.errno != 0 {
		return 0, opError("recv", "packet", nil, os.NewSyscallError("recvmmsg", r.errno))
	}
	for i := range r.got {
		r.describe(i, &pkts[i])
	}
	r.received.Add(uint64(r.got))
	return r.got, nil
}

// recvmmsg takes what is there; false means to wait for more.
func (r *receiver) recvmmsg(fd uintptr) bool {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd,
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
	readControl(r.control[start:start+int(msg.Hdr.Controllen)], p)
}

// readControl reads the stamp and the state of the checksum from control
// messages, cmsg(3).
func readControl(b []byte, p *Packet) {
	for len(b) >= unix.SizeofCmsghdr {
		hdr, data, rest, err := unix.ParseOneSocketControlMessage(b)
		if err != nil {
			return
		}
		switch {
		case hdr.Level == unix.SOL_SOCKET && hdr.Type == unix.SCM_TIMESTAMPNS:
			p.Time = stampOf(data)
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
	return waitError(r.file.SetReadDeadline(t))
}

// drops asks for PACKET_STATISTICS, which start again from zero at every
// question, packet(7), and keeps the sum.
func (r *receiver) drops() uint64 {
	r.statsMu.Lock()
	defer r.statsMu.Unlock()
	if r.raw != nil {
		r.raw.Control(func(fd uintptr) {
			st, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
			if err == nil {
				r.dropped += uint64(st.Drops)
			}
		})
	}
	return r.dropped
}

func (r *receiver) close() error {
	r.drops()
	return r.socket.close()
}

// waitError translates what the runtime's poller says: its own error for a
// closed file is not exported.
func waitError(err error) error {
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return net.ErrClosed
}
