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
	// frameSize takes an answer to a probe and an ICMP error that quotes all of
	// it, behind 80 bytes of header. What is longer comes whole by the socket's queue.
	frameSize       = 256
	frameBlock      = 1 << 16
	defaultFrames   = 4 << 20 // bytes of frames
	copyThreshold   = 1       // PACKET_COPY_THRESH: not 0, every longer packet is queued too
	longestPacket   = 1 << 16
	frameHeaderSize = unsafe.Sizeof(unix.Tpacket2Hdr{})
)

// frames is a receive ring of TPACKET_V2 (packet(7),
// Documentation/networking/packet_mmap.rst): the kernel copies each packet into
// a frame of memory shared with it, where it is read without a system call. A
// frame is given back by the call that follows the one that returned it.
//
// The socket is kept out of the runtime's poller, whose epoll instance would be
// woken for each packet, waited for or not.
type frames struct {
	socket
	mu       sync.Mutex // one Recv at a time
	memory   []byte
	next     int    // the frame to be read
	lent     int    // frames before it that were returned and not given back
	long     []byte // what did not fit into its frame
	closed   atomic.Bool
	deadline atomic.Int64 // of Recv, in Unix nanoseconds; 0: none

	received atomic.Uint64
	lost     dropCount
	stacked  sightings
	waiting  atomic.Bool // a Recv waits
	bell     bell
}

func (r *frames) open(cfg Config, filter []bpf.Instruction) (err error) {
	if err := r.bell.open(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	r.socket, err = newSocket(unix.AF_PACKET, unix.SOCK_DGRAM, 0, func(fd int) error {
		return r.setUp(fd, cfg, filter)
	})
	return err
}

func (r *frames) setUp(fd int, cfg Config, filter []bpf.Instruction) (err error) {
	size := cfg.ReceiveBuffer
	if size <= 0 {
		size = defaultFrames
	}
	request := unix.TpacketReq{Block_size: frameBlock, Block_nr: uint32(max(1, size/frameBlock)), Frame_size: frameSize}
	request.Frame_nr = request.Block_nr * (frameBlock / frameSize)
	err = setOptions(fd,
		option{"PACKET_VERSION", unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2},
		option{"PACKET_COPY_THRESH", unix.SOL_PACKET, unix.PACKET_COPY_THRESH, copyThreshold},
	)
	if err != nil {
		return err
	}
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
		return os.NewSyscallError("setsockopt PACKET_RX_RING", err)
	}
	r.memory, err = unix.Mmap(fd, 0, int(request.Block_nr)*frameBlock, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	return setUpReceive(fd, cfg, filter)
}

func (r *frames) count() int { return len(r.memory) / frameSize }

func (r *frames) at(n int) *unix.Tpacket2Hdr {
	return (*unix.Tpacket2Hdr)(unsafe.Pointer(&r.memory[n*frameSize]))
}

// filled reports whether the kernel has put a packet into a frame.
func (r *frames) filled(n int) bool {
	return atomic.LoadUint32(&r.at(n).Status)&unix.TP_STATUS_USER != 0
}

// giveBack returns to the kernel what was lent.
func (r *frames) giveBack() {
	for n := r.next - r.lent; r.lent > 0; r.lent-- {
		atomic.StoreUint32(&r.at((n+r.count())%r.count()).Status, unix.TP_STATUS_KERNEL)
		n++
	}
}

// poll returns what is there, nothing perhaps.
func (r *frames) poll(pkts []Packet) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.take(pkts)
}

func (r *frames) take(pkts []Packet) (n int, err error) {
	if r.closed.Load() {
		return 0, opError("recv", "packet", nil, net.ErrClosed)
	}
	r.giveBack()
	for n < len(pkts) && r.lent < r.count()-1 && r.filled(r.next) {
		longer := r.describe(r.at(r.next), &pkts[n])
		r.next, r.lent = (r.next+1)%r.count(), r.lent+1
		if !r.stacked.again(&pkts[n]) {
			n++
		}
		if longer {
			break // there is room for one
		}
	}
	r.received.Add(uint64(n))
	return n, nil
}

// describe makes a Packet of a frame, and tells whether it lies outside of it.
func (r *frames) describe(h *unix.Tpacket2Hdr, p *Packet) (longer bool) {
	from := (*unix.RawSockaddrLinklayer)(unsafe.Add(unsafe.Pointer(h), tpacketAlign(frameHeaderSize)))
	*p = Packet{
		Data:     unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(h), h.Net)), h.Snaplen),
		Time:     time.Unix(int64(h.Sec), int64(h.Nsec)),
		Outgoing: from.Pkttype == unix.PACKET_OUTGOING,
		Partial:  h.Status&unix.TP_STATUS_CSUMNOTREADY != 0,
		Valid:    h.Status&unix.TP_STATUS_CSUM_VALID != 0,
		IfIndex:  int(from.Ifindex),
	}
	if h.Status&unix.TP_STATUS_COPY == 0 {
		return false
	}
	if whole := r.whole(); whole != nil {
		p.Data = whole
	}
	return true
}

// whole takes the packet that was too long for its frame from the socket's queue,
// where they are in the same order.
func (r *frames) whole() (data []byte) {
	if r.long == nil {
		r.long = make([]byte, longestPacket)
	}
	r.withFD(func(fd int) error {
		n, _, err := unix.Recvfrom(fd, r.long, unix.MSG_DONTWAIT)
		if err == nil {
			data = r.long[:n]
		}
		return err
	})
	return data
}

// drained reports whether all frames that the kernel has filled were returned. Two
// processors fill frames side by side: one may be ready before the one ahead of it.
func (r *frames) drained() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	const sideBySide = 8
	for i := range min(sideBySide, r.count()-r.lent) {
		if r.filled((r.next + i) % r.count()) {
			return false
		}
	}
	return true
}

// recv waits for packets until the deadline.
func (r *frames) recv(pkts []Packet) (n int, err error) {
	if len(pkts) == 0 {
		return 0, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.waiting.Store(false)
	for n == 0 && err == nil {
		left := r.left()
		if left <= 0 {
			return 0, opError("recv", "packet", nil, os.ErrDeadlineExceeded)
		}
		r.waiting.Store(false)
		if n, err = r.take(pkts); n == 0 && err == nil {
			r.giveBack()
			r.waiting.Store(true)
			r.bell.await(&r.socket, left)
		}
	}
	return n, err
}

// left is the time until the deadline.
func (r *frames) left() time.Duration {
	if at := r.deadline.Load(); at != 0 {
		return time.Until(time.Unix(0, at))
	}
	return time.Hour
}

func (r *frames) setReadDeadline(t time.Time) error {
	if r.closed.Load() {
		return net.ErrClosed
	}
	at := int64(0)
	if !t.IsZero() {
		at = t.UnixNano()
	}
	r.deadline.Store(at)
	r.bell.ring()
	return nil
}

// await gives back what was returned before: to poll(2) it would look like
// something that had come.
func (r *frames) await(d, gather time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return
	}
	r.giveBack()
	r.bell.gather(&r.socket, d, gather)
}

func (r *frames) isQuiet() bool {
	return r.closed.Load() || r.waiting.Load() && !readable(r.raw) && r.waiting.Load()
}

func (r *frames) total() uint64 { return r.received.Load() }
func (r *frames) wake()         { r.bell.ring() }

func (r *frames) drops() uint64 { return r.lost.packetDrops(r.raw) }

// close wakes Recv, waits for it, and unmaps the ring.
func (r *frames) close() error {
	if r.raw != nil {
		r.drops()
	}
	r.closed.Store(true)
	r.bell.ring()
	r.mu.Lock()
	defer r.mu.Unlock()
	err := errors.Join(r.socket.close(), r.bell.close())
	if r.memory != nil {
		err = errors.Join(err, os.NewSyscallError("munmap", unix.Munmap(r.memory)))
		r.memory, r.lent = nil, 0
	}
	return err
}
