package netraw

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// replyRing reads a BPF_MAP_TYPE_RINGBUF where it lies: what Recv returns is
// given back by the next Recv. The layout is that of kernel/bpf/ringbuf.c,
// Documentation/bpf/ringbuf.rst: a page with the consumer's position, one with
// the producer's, and the data twice in a row, so that no record is ever in
// two pieces.
//
// Being woken costs an interrupt and two switches, more than many a reply. So
// a reader that has just had some naps, and asks to be woken only when it
// found nothing for a while.
type replyRing struct {
	socket   // a file descriptor under the poller, here of the map
	reading  sync.Mutex
	consumer []byte
	producer []byte
	size     uint64
	at       uint64  // position of the next record; the consumer's lags behind
	asleep   *uint32 // the program's variable
	naps     int     // to be taken before going to sleep
	wait     func(fd uintptr) bool
	received atomic.Uint64
	quiet    quiet
}

const (
	napTime = time.Millisecond
	napsDue = 3 // after the last reply
)

// Bits of a record's length: include/uapi/linux/bpf.h.
const (
	recordBusy    = 1 << 31 // BPF_RINGBUF_BUSY_BIT
	recordDiscard = 1 << 30 // BPF_RINGBUF_DISCARD_BIT
	recordHeader  = 8       // BPF_RINGBUF_HDR_SZ
)

// reply is the head of struct reply, and of struct message, of bpf/recv.c.
type reply struct {
	at              uint64
	length, ifindex uint32
}

func (r *replyRing) open(m *ebpf.Map, asleep *uint32) (err error) {
	r.asleep = asleep
	r.size, r.wait = uint64(m.MaxEntries()), r.ready
	page := os.Getpagesize()
	r.consumer, err = unix.Mmap(m.FD(), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	r.producer, err = unix.Mmap(m.FD(), int64(page), page+2*int(r.size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	fd, err := unix.FcntlInt(uintptr(m.FD()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("fcntl F_DUPFD_CLOEXEC", err)
	}
	r.socket, err = pollable(fd)
	return err
}

func (r *replyRing) header() *uint32 {
	start := os.Getpagesize() + int(r.at&(r.size-1))
	return (*uint32)(unsafe.Pointer(&r.producer[start]))
}

// reserved reports whether there is a next record, complete or not.
func (r *replyRing) reserved() bool {
	return r.at < atomic.LoadUint64((*uint64)(unsafe.Pointer(&r.producer[0])))
}

// written reports whether the next record is complete.
func (r *replyRing) written() bool {
	return r.reserved() && atomic.LoadUint32(r.header())&recordBusy == 0
}

// ready gives back what has been read and looks for more. Before it reports
// that there is none it asks to be woken, and looks again: the kernel wakes
// only a reader that has given back all, and only for records that it could
// not see.
func (r *replyRing) ready(uintptr) bool {
	r.quiet.begin()
	return r.quiet.end(r.awake())
}

func (r *replyRing) awake() bool {
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&r.consumer[0])), r.at)
	atomic.StoreUint32(r.asleep, 1)
	if !r.reserved() {
		return false
	}
	atomic.StoreUint32(r.asleep, 0)
	for !r.written() { // for as long as a program takes to copy a packet
		runtime.Gosched()
	}
	return true
}

// nap waits for replies without being woken for each.
func (r *replyRing) nap() {
	for ; r.naps > 0 && !r.reserved(); r.naps-- {
		time.Sleep(napTime)
	}
	r.naps = napsDue
}

func (r *replyRing) recv(pkts []Packet) (int, error) {
	if len(pkts) == 0 {
		return 0, nil
	}
	r.reading.Lock()
	defer r.reading.Unlock()
	n := 0
	for n == 0 {
		r.nap()
		if err := r.raw.Read(r.wait); err != nil {
			return 0, opError("recv", "xdp", nil, waitError(err))
		}
		offset := sinceBoot()
		for ; n < len(pkts) && r.written(); r.skip() {
			if atomic.LoadUint32(r.header())&recordDiscard == 0 {
				r.describe(&pkts[n], offset)
				n++
			}
		}
	}
	r.received.Add(uint64(n))
	return n, nil
}

// describe makes a Packet of the next record.
func (r *replyRing) describe(p *Packet, offset time.Duration) {
	head := (*reply)(unsafe.Add(unsafe.Pointer(r.header()), recordHeader))
	data := (*byte)(unsafe.Add(unsafe.Pointer(head), unsafe.Sizeof(*head)))
	*p = Packet{
		Data:    unsafe.Slice(data, head.length),
		Time:    time.Unix(0, int64(head.at)+int64(offset)),
		Partial: true,
		IfIndex: int(head.ifindex),
	}
}

// skip goes on to the next record.
func (r *replyRing) skip() {
	length := uint64(atomic.LoadUint32(r.header()) &^ (recordBusy | recordDiscard))
	r.at += (length + recordHeader + 7) &^ 7
}

// sinceBoot is what CLOCK_REALTIME is ahead of CLOCK_MONOTONIC, of which
// bpf_ktime_get_ns tells.
func sinceBoot() time.Duration {
	var mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil {
		return 0
	}
	return time.Duration(time.Now().UnixNano() - mono.Nano())
}

func (r *replyRing) setReadDeadline(t time.Time) error {
	return waitError(r.file.SetReadDeadline(t))
}

// close unblocks Recv, waits for it, and unmaps the ring.
func (r *replyRing) close() error {
	err := r.socket.close()
	r.reading.Lock()
	defer r.reading.Unlock()
	for _, m := range []*[]byte{&r.consumer, &r.producer} {
		if *m != nil {
			err = errors.Join(err, os.NewSyscallError("munmap", unix.Munmap(*m)))
			*m = nil
		}
	}
	return err
}

// pollable puts a descriptor under the runtime's poller.
func pollable(fd int) (socket, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return socket{}, os.NewSyscallError("fcntl O_NONBLOCK", err)
	}
	file := os.NewFile(uintptr(fd), "ring buffer")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return socket{}, err
	}
	return socket{file, raw}, nil
}
