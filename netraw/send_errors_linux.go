package netraw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"synscope/craft"
)

// sendBuffer is the room for packets that have not left yet: without it some
// three hundred that wait for one neighbour fill it, and nobody's leave. Beyond
// net.core.wmem_max only CAP_NET_ADMIN gets it.
const sendBuffer = 16 << 20

// setSendBuffer asks for room; it is no matter if the kernel grants less: more
// packets are then refused with EAGAIN.
func setSendBuffer(fd, size int) {
	if (option{"SO_SNDBUFFORCE", unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, size}).set(fd) != nil {
		option{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, size}.set(fd)
	}
}

// sendReasons are what the error numbers of sendmsg(2) mean for a packet that is
// whole: ip(7), packet(7), netdevice(7). EINVAL and, since Linux 6, ENOBUFS are
// what a full neighbour table gives (ip_finish_output2 in net/ipv4/ip_output.c);
// EACCES is a route of type prohibit.
var sendReasons = []struct {
	errno  unix.Errno
	reason error
}{
	{unix.EAGAIN, ErrSendDelayed},
	{unix.ENOBUFS, ErrSendDelayed},
	{unix.ENOMEM, ErrSendDelayed},
	{unix.EINVAL, ErrSendDelayed},
	{unix.ENETDOWN, ErrInterfaceDown},
	{unix.ENODEV, ErrInterfaceDown},
	{unix.ENXIO, ErrInterfaceDown},
	{unix.ENETUNREACH, ErrNoRoute},
	{unix.EHOSTUNREACH, ErrNoRoute},
	{unix.EACCES, ErrNoRoute},
	{unix.EPERM, ErrLocalFirewall},
}

// sendReason adds what an error number stands for.
func sendReason(err error) error {
	for _, r := range sendReasons {
		if errors.Is(err, r.errno) && !errors.Is(err, r.reason) {
			return fmt.Errorf("%w: %w", err, r.reason)
		}
	}
	return err
}

// isFull reports whether an error number is that of a lack of room.
func isFull(err error) bool { return errors.Is(err, ErrSendDelayed) && !errors.Is(err, unix.EPERM) }

const (
	// A firewall rule refuses always; a limit and a full table do now and then.
	firewallTimes = 3
	firewallSpan  = 250 * time.Millisecond
	maxRefusals   = 1 << 12 // of which nothing more is remembered
)

// refusals remembers which destinations a local firewall refused lately. The
// zero value is ready.
type refusals struct {
	of map[flowEnd]refusedEnd
}

// flowEnd is where a packet is sent to, as far as firewall rules tell apart.
type flowEnd struct {
	addr     netip.Addr
	protocol byte
	port     uint16
}

type refusedEnd struct {
	first time.Time
	times int
}

// note counts a refusal, and tells whether it is a delay or a rule.
func (r *refusals) note(pkt []byte, now time.Time) error {
	if r.of == nil || len(r.of) >= maxRefusals {
		r.of = make(map[flowEnd]refusedEnd)
	}
	end := endOf(pkt)
	was := r.of[end]
	if was.times == 0 {
		was.first = now
	}
	was.times++
	r.of[end] = was
	if was.times >= firewallTimes && now.Sub(was.first) >= firewallSpan {
		return ErrLocalFirewall
	}
	return ErrSendDelayed
}

// forget forgives those whose packets left.
func (r *refusals) forget(pkts [][]byte) {
	if len(r.of) == 0 {
		return
	}
	for _, pkt := range pkts {
		delete(r.of, endOf(pkt))
	}
}

// endOf reads the destination of a packet that has a whole IP header.
func endOf(pkt []byte) (end flowEnd) {
	protocol, at := transportOf(pkt)
	switch end.protocol = protocol; {
	case at == 0:
		return end
	case pkt[0]>>4 == 4:
		end.addr = netip.AddrFrom4([4]byte(pkt[16:20]))
	default:
		end.addr = netip.AddrFrom16([16]byte(pkt[24:40]))
	}
	if len(pkt) >= at+4 {
		end.port = binary.BigEndian.Uint16(pkt[at+2:])
	}
	return end
}

// transportOf is the protocol behind a whole IP header and where its header begins, 0
// where the IP header is cut. Extension headers count as the protocol.
func transportOf(pkt []byte) (protocol byte, at int) {
	switch {
	case len(pkt) >= 20 && pkt[0]>>4 == 4:
		return pkt[9], int(pkt[0]&0xf) * 4
	case len(pkt) >= 40:
		return pkt[6], 40
	}
	return 0, 0
}

// isReset reports whether a packet is an RST.
func isReset(pkt []byte) bool {
	protocol, at := transportOf(pkt)
	return protocol == unix.IPPROTO_TCP && len(pkt) > at+13 && craft.Flags(pkt[at+13]).Has(craft.RST)
}
