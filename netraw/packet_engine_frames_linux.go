package netraw

import (
	"encoding/binary"
	"errors"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"synscope/craft"
)

const (
	frameBatch = 256
	frameRoom  = 128 // the longest template, an Ethernet header, and cache lines whole
	etherLen   = 14
)

// framer stamps probes into frames and sends them with sendmmsg(2) through a
// packet socket. A transmit ring (PACKET_TX_RING, packet(7)) takes about as
// long: what it saves in copying 70 bytes it spends on page references.
type framer struct {
	out       rawSocket
	templates Templates
	msgs      [frameBatch]unix.Mmsghdr
	iovs      [frameBatch]unix.Iovec
	names     [frameBatch]unix.RawSockaddrLinklayer
	frames    []byte
	n         int // frames that wait to be sent

	sent, retries atomic.Uint64
}

func (f *framer) open(t Templates) (err error) {
	f.templates = t
	f.frames = make([]byte, frameBatch*frameRoom)
	for i := range f.msgs {
		hdr := &f.msgs[i].Hdr
		hdr.Name, hdr.Namelen = (*byte)(unsafe.Pointer(&f.names[i])), unix.SizeofSockaddrLinklayer
		hdr.Iov = &f.iovs[i]
		hdr.SetIovlen(1)
		f.names[i] = unix.RawSockaddrLinklayer{Family: unix.AF_PACKET, Halen: 6}
		f.iovs[i].Base = &f.frames[i*frameRoom]
	}
	f.out.attempt = f.out.try
	// Protocol 0: it receives nothing. Past the queueing discipline: a full
	// interface is ENOBUFS at once, for the backoff to see.
	f.out.socket, err = newSocket(unix.AF_PACKET, unix.SOCK_RAW, 0, func(fd int) error {
		return option{"PACKET_QDISC_BYPASS", unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1}.set(fd)
	})
	return err
}

func (f *framer) close() error { return f.out.close() }

// template returns that of the probe's IP version.
func (t *Templates) of(probe *craft.Fields) (*craft.Template, error) {
	template := t.V6
	if probe.Dst.Addr().Is4() {
		template = t.V4
	}
	if template == nil {
		return nil, ErrNoTemplate
	}
	return template, nil
}

func (f *framer) full() bool { return f.n == frameBatch }

// add makes one more frame, for a hop; there must be room.
func (f *framer) add(probe *craft.Fields, h *hop) error {
	template, err := f.templates.of(probe)
	if err != nil {
		return err
	}
	start := f.n * frameRoom
	frame := append(f.frames[start:start:start+frameRoom], h.header[:]...)
	ether := uint16(unix.ETH_P_IPV6)
	if probe.Dst.Addr().Is4() {
		ether = unix.ETH_P_IP
	}
	frame = binary.BigEndian.AppendUint16(frame, ether)
	frame = template.AppendTo(frame, *probe)
	name := &f.names[f.n]
	name.Ifindex, name.Protocol = int32(h.ifindex), htons(ether)
	f.iovs[f.n].Base = unsafe.SliceData(frame) // a template with a payload has outgrown its room
	f.iovs[f.n].SetLen(len(frame))
	f.n++
	return nil
}

// flush sends what add has made, and returns how many left.
func (f *framer) flush() (int, error) {
	defer func() { f.n = 0 }()
	var pause backoff
	for done := 0; ; {
		if done == f.n {
			return done, nil
		}
		k, waits, err := f.out.sendmmsg(f.msgs[done:f.n])
		f.retries.Add(waits)
		f.sent.Add(uint64(k))
		done += k
		switch {
		case k > 0:
			pause.reset()
		case errors.Is(err, unix.ENOBUFS) && pause.wait():
			f.retries.Add(1)
		case err != nil:
			return done, err
		default:
			return done, os.NewSyscallError("sendmmsg", unix.EIO)
		}
	}
}
