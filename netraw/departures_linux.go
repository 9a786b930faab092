package netraw

import (
	"encoding/binary"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	departureBatch = 32
	// departureLength takes a jumbo frame.
	departureLength = 1 << 14
	// departureBuffer is the receive buffer of a sending socket, in bytes: it
	// bounds its error queue.
	departureBuffer = 1 << 20
)

// departures are the error queues of the sending sockets. There the kernel puts
// a copy of each packet that has left, with the stamp that the device took of
// it: Documentation/networking/timestamping.rst §2.1. A hardware's stamp may
// come after the answer to the packet; it is known by the packet, not by its
// place.
//
// The reading is tested with the stamps of drivers, which come the same way, and
// with messages made by hand: no test has an interface with a clock of its own.
type departures struct {
	stamps DeviceStamps
	fds    []int // of sockets that outlive every read
	msgs   [departureBatch]unix.Mmsghdr
	iovs   [departureBatch]unix.Iovec
	found  [departureBatch]Packet

	data, control []byte
}

func newDepartures(stamps DeviceStamps, fds []int) *departures {
	d := &departures{
		stamps: stamps, fds: fds,
		data:    make([]byte, departureBatch*departureLength),
		control: make([]byte, departureBatch*controlLength),
	}
	for i := range d.msgs {
		d.iovs[i].Base = &d.data[i*departureLength]
		d.iovs[i].SetLen(departureLength)
		hdr := &d.msgs[i].Hdr
		hdr.Iov = &d.iovs[i]
		hdr.SetIovlen(1)
		hdr.Control = &d.control[i*controlLength]
	}
	return d
}

// read takes up to limit departures that are there; they are valid until the
// next read. What else an error queue holds was reported by Send.
func (d *departures) read(limit int) []Packet {
	limit = min(limit, departureBatch)
	for {
		found, used := d.found[:0], 0
		for _, fd := range d.fds {
			n := d.recvmmsg(fd, used, limit)
			for i := used; i < used+n; i++ {
				if p, ok := d.describe(i); ok {
					found = append(found, p)
				}
			}
			used += n
		}
		if used == 0 || len(found) > 0 {
			return found
		}
	}
}

// recvmmsg fills messages from the first on with what one error queue holds,
// and returns how many.
func (d *departures) recvmmsg(fd, first, limit int) int {
	if first == limit {
		return 0
	}
	for i := first; i < limit; i++ {
		d.msgs[i].Hdr.SetControllen(controlLength)
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&d.msgs[first])),
			uintptr(limit-first), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n)
		case unix.EINTR:
		default:
			return 0
		}
	}
}

// describe makes a Packet of message i, if it is a departure.
func (d *departures) describe(i int) (p Packet, ok bool) {
	msg := &d.msgs[i]
	control := d.control[i*controlLength:]
	at, ok := d.stamps.departure(control[:msg.Hdr.Controllen])
	frame := d.data[i*departureLength:]
	p = Packet{Data: packetIn(frame[:msg.Len:msg.Len]), Outgoing: true, Partial: true, DeviceTime: at}
	return p, ok && p.Data != nil
}

// departure reads the control messages of one entry of an error queue. It is
// false for what is not a stamp of a packet handed to the wire (SCM_TSTAMP_SND).
func (s DeviceStamps) departure(control []byte) (at time.Time, ok bool) {
	sent := false
	for len(control) >= unix.SizeofCmsghdr {
		hdr, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		switch {
		case hdr.Level == unix.SOL_SOCKET && hdr.Type == unix.SCM_TIMESTAMPING:
			at = s.of(data)
		case hdr.Level == unix.IPPROTO_IP && hdr.Type == unix.IP_RECVERR,
			hdr.Level == unix.IPPROTO_IPV6 && hdr.Type == unix.IPV6_RECVERR:
			sent = isSent(data)
		}
		control = rest
	}
	return at, sent && !at.IsZero()
}

// isSent reads a struct sock_extended_err, ip(7).
func isSent(data []byte) bool {
	if len(data) < int(unsafe.Sizeof(unix.SockExtendedErr{})) {
		return false
	}
	e := (*unix.SockExtendedErr)(unsafe.Pointer(unsafe.SliceData(data)))
	return e.Origin == unix.SO_EE_ORIGIN_TIMESTAMPING && e.Info == unix.SCM_TSTAMP_SND
}

// packetIn finds the IP packet in a frame as a driver got it: behind an Ethernet
// header, with VLAN tags or without (IEEE 802.1Q), or with none at all, as on
// tun; nil if there is none. Short frames end in padding.
func packetIn(frame []byte) []byte {
	if n := ipLength(frame); n > 0 && n == len(frame) {
		return frame
	}
	for at := 12; len(frame) >= at+2; at += 4 {
		switch binary.BigEndian.Uint16(frame[at:]) {
		case unix.ETH_P_8021Q, unix.ETH_P_8021AD:
		case unix.ETH_P_IP, unix.ETH_P_IPV6:
			ip := frame[at+2:]
			if n := ipLength(ip); n > 0 && n <= len(ip) {
				return ip[:n:n]
			}
			return nil
		default:
			return nil
		}
	}
	return nil
}

// ipLength is how long the IP packet at b says it is; 0 if b is none.
func ipLength(b []byte) int {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		return int(binary.BigEndian.Uint16(b[2:]))
	case len(b) >= 40 && b[0]>>4 == 6:
		return 40 + int(binary.BigEndian.Uint16(b[4:]))
	}
	return 0
}

// both waits for packets and for departures: an epoll instance is itself ready
// as soon as one of its files is, epoll(7), so that the runtime's poller can
// wait for it in their place. Of the sending sockets only EPOLLERR is asked,
// which says that the error queue holds something.
func both(in int, errs []int) (socket, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return socket{}, os.NewSyscallError("epoll_create1", err)
	}
	err = watch(fd, in, unix.EPOLLIN)
	for _, e := range errs {
		if err == nil {
			err = watch(fd, e, unix.EPOLLERR)
		}
	}
	if err == nil {
		err = os.NewSyscallError("fcntl", unix.SetNonblock(fd, true))
	}
	if err != nil {
		unix.Close(fd)
		return socket{}, err
	}
	return socketOf(fd)
}

func watch(epoll, fd int, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event))
}
