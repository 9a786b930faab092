package netraw

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// routeQuestion is what RTM_GETROUTE is asked, rtnetlink(7).
type routeQuestion struct {
	dst, src netip.Addr // src may be the zero Addr
	oif      int        // 0 for any
	tos      uint8
}

// routeAnswer is what it tells.
type routeAnswer struct {
	kind, table  int // RTN_UNICAST and so on; RT_TABLE_MAIN and so on
	oif, mtu     int
	src, gateway netip.Addr // the zero Addr for none
}

// lookUp asks the kernel. EHOSTUNREACH and the like become ErrNoRoute.
func lookUp(sockets map[int]*nl.SocketHandle, q routeQuestion) (routeAnswer, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_REQUEST)
	req.Sockets, req.RawData = sockets, q.message()
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE)
	switch {
	case err != nil && errors.As(err, new(syscall.Errno)):
		return routeAnswer{}, noRoute(err)
	case err != nil:
		return routeAnswer{}, err
	case len(msgs) == 0:
		return routeAnswer{}, ErrNoRoute
	}
	return readRoute(msgs[0])
}

// ecnBits are those of the type of service that no route looks at (RFC 3168 §5).
const ecnBits = 3

// message is struct rtmsg with its attributes, in one piece: a wide scan asks for
// every target, and each piece would be garbage.
func (q routeQuestion) message() []byte {
	msg := nl.RtMsg{}
	msg.Family, msg.Dst_len = unix.AF_INET6, 128
	if q.dst.Is4() {
		msg.Family, msg.Dst_len = unix.AF_INET, 32
	}
	msg.Tos, msg.Flags = q.tos&^ecnBits, unix.RTM_F_LOOKUP_TABLE
	if q.src.IsValid() {
		msg.Src_len = msg.Dst_len
	}
	const most = unix.SizeofRtMsg + 2*(unix.SizeofRtAttr+16) + unix.SizeofRtAttr + 4
	b := append(make([]byte, 0, most), msg.Serialize()...)
	b = appendAddress(b, unix.RTA_DST, q.dst)
	if q.src.IsValid() {
		b = appendAddress(b, unix.RTA_SRC, q.src)
	}
	if q.oif != 0 {
		b = binary.NativeEndian.AppendUint32(appendAttribute(b, unix.RTA_OIF, 4), uint32(q.oif))
	}
	return b
}

// appendAttribute appends the head of an attribute of so many bytes, a multiple of four.
func appendAttribute(b []byte, kind uint16, size int) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+size))
	return binary.NativeEndian.AppendUint16(b, kind)
}

func appendAddress(b []byte, kind uint16, a netip.Addr) []byte {
	if a.Is4() {
		bytes := a.As4()
		return append(appendAttribute(b, kind, len(bytes)), bytes[:]...)
	}
	bytes := a.As16()
	return append(appendAttribute(b, kind, len(bytes)), bytes[:]...)
}

// errAttributes is for a message whose attributes do not fit into it.
var errAttributes = errors.New("attributes of a netlink message that do not fit into it")

// eachAttribute calls f for each of a message's attributes, netlink(7).
func eachAttribute(b []byte, f func(kind uint16, value []byte)) error {
	for len(b) >= unix.SizeofRtAttr {
		size, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if size < unix.SizeofRtAttr || size > len(b) {
			return errAttributes
		}
		f(kind, b[unix.SizeofRtAttr:size])
		b = b[min((size+3)&^3, len(b)):]
	}
	return nil
}

// readRoute reads the message RTM_NEWROUTE.
func readRoute(b []byte) (a routeAnswer, err error) {
	if len(b) < unix.SizeofRtMsg {
		return a, errAttributes
	}
	msg := nl.DeserializeRtMsg(b)
	a.kind, a.table = int(msg.Type), int(msg.Table)
	err = eachAttribute(b[unix.SizeofRtMsg:], func(kind uint16, value []byte) {
		switch kind {
		case unix.RTA_OIF:
			a.oif = int(number(value))
		case unix.RTA_TABLE:
			a.table = int(number(value))
		case unix.RTA_PREFSRC:
			a.src = address(value)
		case unix.RTA_GATEWAY:
			a.gateway = address(value)
		case unix.RTA_VIA: // struct rtvia: two bytes of family in front
			if len(value) > 2 {
				a.gateway = address(value[2:])
			}
		case unix.RTA_METRICS:
			a.mtu = pathMTU(value)
		}
	})
	return a, err
}

// pathMTU finds RTAX_MTU among the metrics.
func pathMTU(b []byte) (mtu int) {
	eachAttribute(b, func(kind uint16, value []byte) {
		if kind == unix.RTAX_MTU {
			mtu = int(number(value))
		}
	})
	return mtu
}

func number(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}

// address is the zero Addr for no bytes.
func address(ip []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
