package netraw

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The first two values of SO_MEMINFO: include/uapi/linux/sock_diag.h.
const (
	memReceived = iota // SK_MEMINFO_RMEM_ALLOC: bytes that wait, with what they cost
	memLimit           // SK_MEMINFO_RCVBUF
	memValues   = 9    // SK_MEMINFO_VARS
)

func (c *conn) backlog() float64 { return c.in.backlog() }

// backlog is how much of the socket's buffer is in use.
func (r *receiver) backlog() (share float64) {
	if r.raw == nil {
		return 0
	}
	r.raw.Control(func(fd uintptr) {
		var info [memValues]uint32
		length := uint32(unsafe.Sizeof(info))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&length)), 0)
		if errno == 0 && info[memLimit] > 0 {
			share = float64(info[memReceived]) / float64(info[memLimit])
		}
	})
	return share
}

// backlog looks at the frames ahead of the one to be read.
func (r *frames) backlog() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memory == nil {
		return 0
	}
	for share := 0.75; share >= 0.125; share -= 0.125 {
		if r.filled((r.next + int(share*float64(r.count()))) % r.count()) {
			return share
		}
	}
	return 0
}

func (c *packetConn) backlog() float64 { return c.in.backlog() }

// backlog looks at the blocks ahead of the one being read: those that the kernel
// has handed over follow one another.
func (r *ring) backlog() float64 {
	blocks := len(r.memory) / blockSize
	if blocks == 0 {
		return 0
	}
	now := int(r.reading.Load())
	for share := 0.75; share >= 0.125; share -= 0.125 {
		if r.handedOver((now + int(share*float64(blocks))) % blocks) {
			return share
		}
	}
	return 0
}

func (c *xdpConn) backlog() float64 {
	r := &c.in.replyRing
	if r.size == 0 {
		return 0
	}
	consumed := atomic.LoadUint64((*uint64)(unsafe.Pointer(&r.consumer[0])))
	produced := atomic.LoadUint64((*uint64)(unsafe.Pointer(&r.producer[0])))
	return float64(produced-consumed) / float64(r.size)
}

func (c *xdpConn) resets() uint64 {
	if counts := c.in.counters(); counts != nil {
		return counts[countAnswered]
	}
	return 0
}

func (c *xdpConn) hears(r Route) bool { return !r.Local && r.IfIndex == c.ways.only }
