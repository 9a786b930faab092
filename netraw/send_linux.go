package netraw

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	sendBatch = 256
	// sendPatience bounds each wait for room in the socket's buffer, and the
	// sum of the pauses that one full interface queue is granted: until something
	// leaves again, it is granted no more of them.
	sendPatience = time.Second
	firstPause   = 50 * time.Microsecond
	longestPause = 10 * time.Millisecond
)

// sender is a pair of raw sockets of protocol IPPROTO_RAW, which take whole
// packets with their header: raw(7), and rawv6_sendmsg in net/ipv6/raw.c. It
// holds the arrays of sendmmsg(2); only addresses and lengths change.
type sender struct {
	mu     sync.Mutex // one Send at a time
	v4, v6 rawSocket
	frames *frameSender // nil: all packets through the kernel's IP
	scope  int          // interface of link-local destinations, 0 if unknown
	ties   *ties
	routes *router

	msgs     [sendBatch]unix.Mmsghdr
	iovs     [sendBatch]unix.Iovec
	names4   [sendBatch]unix.RawSockaddrInet4
	names6   [sendBatch]unix.RawSockaddrInet6
	controls [sendBatch]sendControl

	refusals refusals // by a local firewall
	obeyed   *obedience
	stuck    bool // a full queue was waited for in vain, and nothing has left since

	sent, errors, retries, resetsRefused atomic.Uint64
}

// open makes both sockets; a kernel without IPv6 leaves that one closed.
//
// IP_RECVERR is what makes the kernel admit that an interface's queue was
// full: without it raw_send_hdrinc (net/ipv4/raw.c) drops the packet and
// reports success. Bound to the source, because a policy route by source
// address looks at the socket's and not at the header's.
func (s *sender) open(cfg Config, routes *router) error {
	source := cfg.Source.Unmap().WithZone("")
	s.scope, s.ties, s.routes, s.obeyed = cmp.Or(routes.ifindex, routes.zone), &routes.ties, routes, &routes.obeyed
	for i := range s.msgs {
		s.msgs[i].Hdr.Iov = &s.iovs[i]
		s.msgs[i].Hdr.SetIovlen(1)
		s.names4[i].Family = unix.AF_INET
		s.names6[i].Family = unix.AF_INET6
	}
	report4 := option{"IP_RECVERR", unix.IPPROTO_IP, unix.IP_RECVERR, 1}
	if err := s.v4.open(unix.AF_INET, cfg, bindTo(source, 4, s.scope), report4); err != nil {
		return err
	}
	report6 := option{"IPV6_RECVERR", unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1}
	err := s.v6.open(unix.AF_INET6, cfg, bindTo(source, 6, s.scope), report6)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		return nil
	}
	return err
}

// bindTo is the address to bind a socket of that IP version to, or nil.
func bindTo(source netip.Addr, version, ifindex int) unix.Sockaddr {
	switch {
	case source.Is4() && version == 4:
		return &unix.SockaddrInet4{Addr: source.As4()}
	case source.Is6() && version == 6:
		addr := &unix.SockaddrInet6{Addr: source.As16()}
		if source.IsLinkLocalUnicast() {
			addr.ZoneId = uint32(ifindex)
		}
		return addr
	}
	return nil
}

func (s *sender) send(pkts [][]byte) (int, error) { return s.sendVia(pkts, nil) }

// sendVia is send through interfaces, as sendEach.
func (s *sender) sendVia(pkts [][]byte, via []int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes.checkSources()
	sent := 0
	for sent < len(pkts) {
		socket, n, err := s.load(pkts[sent:], via[min(sent, len(via)):])
		if err == nil {
			n, err = s.flush(socket, n)
		}
		s.left(pkts[sent : sent+n])
		sent += n
		if err != nil {
			return sent, s.refuse(pkts[sent], err)
		}
	}
	return sent, nil
}

// sendEach is send without waiting and without stopping: refused is told of
// each packet that did not leave.
//
// via are the interfaces that the packets leave through, nil or 0 for any.
func (s *sender) sendEach(pkts [][]byte, via []int, refused func(i int, err error)) (sent int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes.checkSources()
	for at := 0; at < len(pkts); {
		socket, n, err := s.load(pkts[at:], via[min(at, len(via)):])
		gone := 0
		if err == nil {
			gone, _, err = socket.sendmmsg(s.msgs[:n], 0)
		}
		clear(s.iovs[:n])
		s.left(pkts[at : at+gone])
		at, sent = at+gone, sent+gone
		stuck := at
		switch {
		case errors.Is(err, unix.EAGAIN): // no room in the buffer: for none of them
			stuck = at + n - gone
		case err != nil:
			stuck = at + 1
		}
		for ; at < stuck; at++ {
			refused(at, s.refuse(pkts[at], err))
		}
	}
	return sent
}

// left notes packets that the kernel took.
func (s *sender) left(pkts [][]byte) {
	s.sent.Add(uint64(len(pkts)))
	s.refusals.forget(pkts)
}

// refuse counts a packet that the kernel did not take, and says why. EINVAL is a full
// table of neighbours (ip_finish_output2 in net/ipv4/ip_output.c), or an IPv6 that was
// switched off (net.ipv6.conf.*.disable_ipv6): the route tells.
func (s *sender) refuse(pkt []byte, err error) error {
	s.errors.Add(1)
	if errors.Is(err, unix.EPERM) {
		s.obeyed.note()
		if isReset(pkt) {
			s.resetsRefused.Add(1)
		}
		return sendError(pkt, fmt.Errorf("%w: %w", err, s.refusals.note(pkt, time.Now())))
	}
	if errors.Is(err, unix.EINVAL) {
		if _, lost := s.routes.route(endOf(pkt).addr); errors.Is(lost, ErrNoRoute) {
			return sendError(pkt, fmt.Errorf("%w: %w", err, lost))
		}
	}
	return sendError(pkt, sendReason(err))
}

// load prepares the messages for as many packets as one call can take: those
// at the front that share an IP version. The error concerns pkts[0].
func (s *sender) load(pkts [][]byte, via []int) (socket *rawSocket, n int, err error) {
	if s.frames != nil {
		s.frames.mu.Lock()
		defer s.frames.mu.Unlock()
	}
	for n < min(len(pkts), sendBatch) {
		ifindex := 0
		if n < len(via) {
			ifindex = via[n]
		}
		next, err := s.address(n, pkts[n], ifindex)
		if err == nil {
			err = s.routes.departed(pkts[n])
		}
		if err != nil && n == 0 {
			return nil, 0, err
		}
		if err != nil || n > 0 && next != socket {
			break
		}
		socket = next
		s.iovs[n].Base = unsafe.SliceData(pkts[n])
		s.iovs[n].SetLen(len(pkts[n]))
		n++
	}
	return socket, n, nil
}

// address takes the destination of message i from the packet's header, and
// says which socket it is for.
func (s *sender) address(i int, pkt []byte, ifindex int) (*rawSocket, error) {
	hdr := &s.msgs[i].Hdr
	switch {
	case s.frames != nil && ifindex == 0 && !s.obeyed.kernelOnly() && s.frames.address(i, pkt, hdr):
		return &s.frames.rawSocket, nil
	case len(pkt) >= 20 && pkt[0]>>4 == 4:
		s.names4[i].Addr = [4]byte(pkt[16:20])
		hdr.Name, hdr.Namelen = (*byte)(unsafe.Pointer(&s.names4[i])), unix.SizeofSockaddrInet4
		if ifindex == 0 && s.ties.any.Load() {
			ifindex = s.ties.of(netip.AddrFrom4([4]byte(pkt[12:16])), netip.AddrFrom4([4]byte(pkt[16:20])), pkt).ifindex
		}
		s.controls[i].fill4(hdr, pkt, ifindex)
		return &s.v4, nil
	case len(pkt) >= 40 && pkt[0]>>4 == 6:
		return &s.v6, s.address6(i, pkt, ifindex)
	}
	return nil, ErrPacket
}

func (s *sender) address6(i int, pkt []byte, ifindex int) error {
	hdr, name := &s.msgs[i].Hdr, &s.names6[i]
	src, dst := netip.AddrFrom16([16]byte(pkt[8:24])), netip.AddrFrom16([16]byte(pkt[24:40]))
	to := tie{ifindex: ifindex}
	if ifindex == 0 && s.ties.any.Load() {
		to = s.ties.of(src, dst, pkt)
		ifindex = to.ifindex
	}
	name.Addr, name.Scope_id = [16]byte(pkt[24:40]), 0
	hdr.Name, hdr.Namelen = (*byte)(unsafe.Pointer(name)), unix.SizeofSockaddrInet6
	switch {
	case ifindex == tiedTwice:
		return fmt.Errorf("the address is in two zones, and nothing says which is meant: %w", ErrNoInterface)
	case isLinkLocal6(dst):
		if ifindex = cmp.Or(ifindex, s.scope); ifindex == 0 {
			return ErrNoZone
		}
		name.Scope_id = uint32(ifindex)
	}
	// A link-local source is taken with its interface only (ip6_datagram_send_ctl in
	// net/ipv6/datagram.c); where the route decides, it is not named beside the header.
	s.controls[i].fill6(hdr, pkt, tie{ifindex, to.sourceless || ifindex == 0 && isLinkLocal6(src)})
	return nil
}

// flush sends the first n messages, and returns how many left. sendmmsg stops
// at the first that fails and tells why only when asked to send that again.
func (s *sender) flush(via *rawSocket, n int) (int, error) {
	defer clear(s.iovs[:n])
	var pause backoff
	for done := 0; ; {
		k, waits, err := via.sendmmsg(s.msgs[done:n], sendPatience)
		s.retries.Add(waits)
		done += k
		s.stuck = s.stuck && k == 0
		switch {
		case err == nil && done == n:
			return done, nil
		case err == nil:
			pause.reset()
		case errors.Is(err, unix.ENOBUFS) && !s.stuck:
			s.stuck = !pause.wait()
			s.retries.Add(1)
			if s.stuck && via.kernel {
				s.obeyed.note()
			}
		default:
			return done, err
		}
	}
}

// sendError names the destination of the packet that did not leave.
func sendError(pkt []byte, err error) error {
	switch {
	case len(pkt) >= 20 && pkt[0]>>4 == 4:
		return opError("send", "ip4", &net.IPAddr{IP: append(net.IP(nil), pkt[16:20]...)}, err)
	case len(pkt) >= 40 && pkt[0]>>4 == 6:
		return opError("send", "ip6", &net.IPAddr{IP: append(net.IP(nil), pkt[24:40]...)}, err)
	}
	return opError("send", "ip", nil, err)
}

// count adds what was counted.
func (s *sender) count(to *Stats) {
	to.Sent += s.sent.Load()
	to.SendErrors += s.errors.Load()
	to.ResetsRefused += s.resetsRefused.Load()
	to.SendRetries += s.retries.Load()
}

// descriptors are those of the sockets that are open.
func (s *sender) descriptors() (fds []int) {
	for _, r := range []*rawSocket{&s.v4, &s.v6} {
		r.withFD(func(fd int) error { fds = append(fds, fd); return nil })
	}
	return fds
}

func (s *sender) close() error {
	err := errors.Join(s.v4.close(), s.v6.close())
	if s.frames != nil {
		err = errors.Join(err, s.frames.rawSocket.close())
	}
	return err
}

// rawSocket is one of the sender's sockets with the arguments and results of
// the call in progress. It is kept out of the runtime's poller: an epoll
// instance that watches a socket is woken for each packet that leaves its
// buffer (sock_wfree in net/core/sock.c), which costs a third of the sending.
type rawSocket struct {
	socket
	kernel  bool                  // through the kernel's IP, and not as frames
	attempt func(fd uintptr) bool // made once: a closure would allocate
	msgs    []unix.Mmsghdr
	n       int
	errno   unix.Errno
	waits   uint64

	patience time.Duration // to wait for room in the buffer
}

func (r *rawSocket) open(family int, cfg Config, source unix.Sockaddr, report option) (err error) {
	r.attempt, r.kernel = r.try, true
	r.socket, err = newSocket(family, unix.SOCK_RAW, unix.IPPROTO_RAW, func(fd int) error {
		if err := errors.Join(report.set(fd), keepDepartures(fd, cfg.DeviceStamps)); err != nil {
			return err
		}
		setSendBuffer(fd, sendBuffer)
		if cfg.Interface != "" {
			if err := unix.BindToDevice(fd, cfg.Interface); err != nil {
				return os.NewSyscallError("setsockopt SO_BINDTODEVICE", err)
			}
		}
		if source == nil {
			return nil
		}
		return os.NewSyscallError("bind", unix.Bind(fd, source))
	})
	return err
}

// keepDepartures prepares what a sending socket receives: packets of protocol
// 255 and its own errors, which are no use, and stamps where they are asked for.
func keepDepartures(fd int, stamps DeviceStamps) error {
	buffer := option{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, 0}
	if stamps == DeviceNone {
		return buffer.set(fd)
	}
	if err := setFilter(fd, dropAll); err != nil {
		return err
	}
	buffer.value = departureBuffer
	flags, _ := stamps.flags()
	return setOptions(fd, buffer, option{"SO_TIMESTAMPING", unix.SOL_SOCKET, unix.SO_TIMESTAMPING, flags})
}

// sendmmsg returns how many messages left, after how many waits for room in the
// buffer, each no longer than patience.
func (r *rawSocket) sendmmsg(msgs []unix.Mmsghdr, patience time.Duration) (n int, waits uint64, err error) {
	if r.raw == nil {
		return 0, 0, os.NewSyscallError("socket", unix.EAFNOSUPPORT)
	}
	r.msgs, r.waits, r.patience = msgs, 0, patience
	if err = r.raw.Write(r.attempt); err != nil {
		return 0, r.waits, waitError(err)
	}
	if r.errno != 0 {
		return 0, r.waits, os.NewSyscallError("sendmmsg", r.errno)
	}
	return r.n, r.waits, nil
}

// try sends what the buffer has room for, waiting for some a bounded time. The call
// itself waits for nothing, so the runtime is not told of it: see parkFrom.
func (r *rawSocket) try(fd uintptr) bool {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd,
			uintptr(unsafe.Pointer(&r.msgs[0])), uintptr(len(r.msgs)), unix.MSG_DONTWAIT, 0, 0)
		r.n, r.errno = int(n), errno
		switch {
		case errno == unix.EINTR:
		case errno == unix.EAGAIN && r.patience > 0 && r.awaitRoom(fd):
		default:
			return true
		}
	}
}

// awaitRoom waits until the buffer has room, and tells whether it has.
func (r *rawSocket) awaitRoom(fd uintptr) bool {
	r.waits++
	for until := time.Now().Add(r.patience); ; {
		left := time.Until(until)
		if left <= 0 {
			return false
		}
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(p, int(left.Milliseconds())+1)
		switch {
		case err != nil && err != unix.EINTR:
			return false
		case n > 0 && p[0].Revents == unix.POLLERR:
			time.Sleep(longestPause) // the error queue's, which says nothing of room
		case n > 0:
			return true
		}
	}
}
