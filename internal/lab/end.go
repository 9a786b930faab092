//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batchSize     = 64
	receiveBuffer = 32 << 20
)

// end is one of a wire's two interfaces: a packet socket, with the arrays for
// recvmmsg(2) and sendmmsg(2). It is used by one thread.
type end struct {
	fd      int
	in, out [batchSize]message
	inVec   [batchSize]unix.Iovec
	outVec  [batchSize]unix.Iovec
	buffers [][]byte
	control [batchSize][controlSize]byte
}

// controlSize holds one SCM_TIMESTAMPNS, 16 bytes, with its header.
const controlSize = 32

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
}

// openEnd opens a packet socket on an interface of the calling thread's
// namespace.
func openEnd(ifindex int) (*end, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket AF_PACKET", err)
	}
	e := &end{fd: fd}
	if err := e.configure(ifindex); err != nil {
		return nil, errors.Join(err, e.close())
	}
	e.aim()
	return e, nil
}

// configure sets options, see packet(7) and socket(7), before the bind that lets
// the first frame in.
func (e *end) configure(ifindex int) error {
	for _, o := range []struct{ level, name, value int }{
		{unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1},
		{unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1},
		{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1},
	} {
		if err := unix.SetsockoptInt(e.fd, o.level, o.name, o.value); err != nil {
			return fmt.Errorf("packet socket option %d/%d: %w", o.level, o.name, err)
		}
	}
	if err := unix.SetsockoptInt(e.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		if err := unix.SetsockoptInt(e.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
			return os.NewSyscallError("setsockopt SO_RCVBUF", err)
		}
	}
	const all = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL&0xff<<8 // sll_protocol is in network order
	return os.NewSyscallError("bind", unix.Bind(e.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifindex}))
}

// aim points the receive messages at their buffers.
func (e *end) aim() {
	e.buffers = make([][]byte, batchSize)
	for i := range batchSize {
		e.buffers[i] = make([]byte, largest)
		point(&e.inVec[i], e.buffers[i])
		h := &e.in[i].header
		h.Iov = &e.inVec[i]
		h.SetIovlen(1)
		h.Control = &e.control[i][0]
		e.out[i].header.Iov = &e.outVec[i]
		e.out[i].header.SetIovlen(1)
	}
}

func point(v *unix.Iovec, b []byte) {
	v.Base = unsafe.SliceData(b)
	v.SetLen(len(b))
}

// receive fills the batch with what has arrived and returns how many frames
// there are, 0 if none.
func (e *end) receive() (int, error) {
	for i := range e.in {
		e.in[i].header.SetControllen(controlSize)
	}
	n, errno := mmsg(unix.SYS_RECVMMSG, e.fd, e.in[:])
	switch errno {
	case 0:
		return n, nil
	case unix.EAGAIN, unix.EINTR, unix.ENETDOWN: // the interface goes when the lab closes
		return 0, nil
	}
	return 0, os.NewSyscallError("recvmmsg", errno)
}

// frame is the ith frame of the last batch with its arrival stamp. The slice is
// valid until the next receive.
func (e *end) frame(i int) ([]byte, time.Time) {
	return e.buffers[i][:e.in[i].length], e.stamp(i)
}

func (e *end) stamp(i int) time.Time {
	control := e.control[i][:e.in[i].header.Controllen]
	if len(control) < unix.CmsgSpace(int(unsafe.Sizeof(unix.Timespec{}))) {
		return time.Now()
	}
	ts := (*unix.Timespec)(unsafe.Pointer(&control[unix.CmsgLen(0)]))
	return time.Unix(ts.Unix())
}

// send hands flights to the kernel and enters into their records when, or that
// it refused them.
func (e *end) send(flights []*flight) {
	for i := range flights {
		point(&e.outVec[i], flights[i].frame)
	}
	for done := 0; done < len(flights); {
		out := time.Now()
		n, errno := mmsg(unix.SYS_SENDMMSG, e.fd, e.out[done:len(flights)])
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			flights[done].record.Outcome = SendFailed
			done++
			continue
		}
		for i := range n {
			flights[done+i].record.Out = out
		}
		done += n
	}
}

// mmsg is recvmmsg(2) or sendmmsg(2) without waiting.
func mmsg(call uintptr, fd int, batch []message) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&batch[0])),
		uintptr(len(batch)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// drops reads and resets the kernel's count of frames lost for want of buffer.
func (e *end) drops() (uint64, error) {
	s, err := unix.GetsockoptTpacketStats(e.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0, os.NewSyscallError("getsockopt PACKET_STATISTICS", err)
	}
	return uint64(s.Drops), nil
}

func (e *end) close() error { return os.NewSyscallError("close", unix.Close(e.fd)) }
