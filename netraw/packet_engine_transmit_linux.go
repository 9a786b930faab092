package netraw

import (
	"errors"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// ringBlock is the contiguous memory that a transmit ring is made of.
	ringBlock = 1 << 16
	// ringSlots is how many frames a driver may be busy with while more are made.
	ringSlots = 2048
	// ringBurst frames are handed to the kernel in one call: the longer two
	// processors are at it together, the more of their frames are received in one
	// go where the receiver is on this machine.
	ringBurst = 1024

	slotHeader = 32 // TPACKET2_HDRLEN - sizeof(struct sockaddr_ll): there a frame begins
	vnetHeader = 10 // struct virtio_net_hdr in front of it
)

// transmitRing is a PACKET_TX_RING of TPACKET_V2 (packet(7),
// Documentation/networking/packet_mmap.rst), used by one goroutine at a time.
// Each frame has a struct virtio_net_hdr in front, which asks for nothing but
// that the whole frame be copied into the linear part of the packet buffer
// (hdr_len; tpacket_snd in net/packet/af_packet.c). Without it all but the
// Ethernet header stays in the ring's pages, referred to one by one, which
// takes longer than sendmmsg(2) does with the same frames; with it, a fifth
// less. Linux 4.6.
type transmitRing struct {
	socket
	kick   func(fd uintptr) // made once: a closure would allocate
	errno  unix.Errno       // of the last call
	memory []byte
	stride int // bytes from one slot to the next
	name   unix.RawSockaddrLinklayer

	next    int // slot to fill
	waiting int // filled slots in front of it that the kernel has not taken
	first   int // place of the oldest of them in the stretch
	retries uint64
	failure error // why those still waiting did not leave
}

// open makes a ring for frames of up to longest bytes.
func (r *transmitRing) open(longest int) (err error) {
	r.kick = r.call
	r.name.Family = unix.AF_PACKET
	r.name.Halen = 6
	for r.stride = 256; r.stride < slotHeader+vnetHeader+longest; {
		r.stride *= 2
	}
	request := unix.TpacketReq{
		Block_size: ringBlock, Block_nr: uint32(ringSlots * r.stride / ringBlock),
		Frame_size: uint32(r.stride), Frame_nr: ringSlots,
	}
	// Protocol 0: it receives nothing. Past the queueing discipline: a full
	// interface is ENOBUFS at once, for the backoff to see.
	r.socket, err = newSocket(unix.AF_PACKET, unix.SOCK_RAW, 0, func(fd int) error {
		err := setOptions(fd,
			option{"PACKET_VERSION", unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2},
			option{"PACKET_VNET_HDR", unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1},
			option{"PACKET_QDISC_BYPASS", unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1})
		if err != nil {
			return err
		}
		_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_PACKET, unix.PACKET_TX_RING,
			uintptr(unsafe.Pointer(&request)), unsafe.Sizeof(request), 0)
		if errno != 0 {
			return os.NewSyscallError("setsockopt PACKET_TX_RING", errno)
		}
		makeRoom(fd)
		r.memory, err = unix.Mmap(fd, 0, ringSlots*r.stride, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		return os.NewSyscallError("mmap", err)
	})
	return err
}

// makeRoom lets as many frames be under way as there are slots. It is no matter
// if the kernel grants less: sending then waits more often.
func makeRoom(fd int) {
	const each = 1024 // bytes, about what the kernel accounts for a short frame
	setSendBuffer(fd, ringSlots*each)
}

func (r *transmitRing) close() error {
	err := r.socket.close()
	if r.memory != nil {
		err = errors.Join(err, os.NewSyscallError("munmap", unix.Munmap(r.memory)))
		r.memory = nil
	}
	return err
}

// slot returns the header of a slot; its number may have gone round.
func (r *transmitRing) slot(i int) *unix.Tpacket2Hdr {
	i = (i + ringSlots) % ringSlots
	return (*unix.Tpacket2Hdr)(unsafe.Pointer(&r.memory[i*r.stride]))
}

// full reports whether the burst is complete.
func (r *transmitRing) full() bool { return r.waiting == ringBurst }

// room returns the next slot's memory for a frame, empty, and nil where the
// driver has not given the slot back in time.
func (r *transmitRing) room() []byte {
	slot := r.slot(r.next)
	var pause backoff
	for atomic.LoadUint32(&slot.Status)&unix.TP_STATUS_SENDING != 0 {
		r.retries++
		if !pause.wait() {
			return nil
		}
	}
	start := r.next*r.stride + slotHeader + vnetHeader
	return r.memory[start : start : (r.next+1)*r.stride]
}

// push marks the frame that was laid into room as one to send, at a place in
// the stretch.
func (r *transmitRing) push(length, place int) {
	if r.waiting == 0 {
		r.first = place
	}
	slot := r.slot(r.next)
	offset := r.next*r.stride + slotHeader
	header := r.memory[offset : offset+vnetHeader]
	clear(header)
	*(*uint16)(unsafe.Pointer(&header[2])) = uint16(length) // hdr_len, in native order
	slot.Len = uint32(vnetHeader + length)
	atomic.StoreUint32(&slot.Status, unix.TP_STATUS_SEND_REQUEST)
	r.next = (r.next + 1) % ringSlots
	r.waiting++
}

// send lets out what waits, through the interface of name. What the kernel
// does not take is taken back, and failure says why.
func (r *transmitRing) send() (sent int) {
	r.failure = nil
	var pause backoff
	for r.waiting > 0 {
		before := r.waiting
		if err := r.raw.Control(r.kick); err != nil {
			r.errno = unix.EBADF
		}
		sent += r.settle()
		switch {
		case r.waiting == 0:
			return sent
		case r.waiting < before:
			pause.reset()
		}
		if r.patient() && pause.wait() {
			r.retries++
			continue
		}
		if r.errno == 0 {
			r.errno = unix.ENOBUFS // it took none, and did not mind
		}
		r.failure = os.NewSyscallError("sendto", r.errno)
		r.takeBack()
	}
	return sent
}

// patient reports whether the last call ended for want of room, in the socket's
// buffer or in the driver's queue, or for a signal.
func (r *transmitRing) patient() bool {
	switch r.errno {
	case 0, unix.EAGAIN, unix.ENOBUFS, unix.EINTR:
		return true
	}
	return false
}

// call tells the kernel to look at the ring.
func (r *transmitRing) call(fd uintptr) {
	_, _, r.errno = unix.Syscall6(unix.SYS_SENDTO, fd, 0, 0, unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(&r.name)), unix.SizeofSockaddrLinklayer)
}

// settle sees how many frames the kernel has taken: it goes along the ring, and
// stops at the first that it cannot send.
func (r *transmitRing) settle() (taken int) {
	const untaken = unix.TP_STATUS_SEND_REQUEST | unix.TP_STATUS_WRONG_FORMAT
	for r.waiting > 0 && atomic.LoadUint32(&r.slot(r.next-r.waiting).Status)&untaken == 0 {
		r.waiting--
		r.first++
		taken++
	}
	return taken
}

// takeBack makes the slots that wait free again: the kernel goes on looking at
// the first of them.
func (r *transmitRing) takeBack() {
	for ; r.waiting > 0; r.waiting-- {
		r.next = (r.next - 1 + ringSlots) % ringSlots
		atomic.StoreUint32(&r.slot(r.next).Status, unix.TP_STATUS_AVAILABLE)
	}
}
