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
	tcp      bool // IPv6 chooses a next hop by the protocol too (rt6_multipath_hash)
	flow     flowPorts
	iif      int  // it comes in by, and is not to be sent; 0: it is to be sent
	whole    bool // the route as it stands in the table, with all its next hops
}

// flowPorts are those of one TCP connection; the zero value is none in particular.
type flowPorts struct{ src, dst uint16 }

// routeAnswer is what it tells.
type routeAnswer struct {
	kind, table  int // RTN_UNICAST and so on; RT_TABLE_MAIN and so on
	oif, mtu     int
	src, gateway netip.Addr // the zero Addr for none
	nextHops     int        // of a whole route, those that are not dead
	encap        bool       // the kernel wraps its packets, or has a BPF program look at them: ip-route(8)
	hops         int        // of a whole route, all of several
	cloned       bool       // what is told is one packet's way and no route as it stands: kernels before 4.13 know nothing else
	object       bool       // a whole route whose next hops are an object, ip-nexthop(8)
}

// lookUp asks the kernel, as the user whose sockets send: rules may route by that
// (uidrange in ip-rule(8)), and the process may be another's by now. EHOSTUNREACH and the
// like become ErrNoRoute.
func lookUp(sockets map[int]*nl.SocketHandle, uid uint32, q routeQuestion) (routeAnswer, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_REQUEST)
	req.Sockets = sockets
	msg := &nl.RtMsg{}
	msg.Family, msg.Dst_len = unix.AF_INET6, 128
	if q.dst.Is4() {
		msg.Family, msg.Dst_len = unix.AF_INET, 32
	}
	msg.Tos, msg.Flags = q.tos&^ecnBits, unix.RTM_F_LOOKUP_TABLE
	if q.src.IsValid() {
		msg.Src_len = msg.Dst_len
	}
	if q.whole {
		msg.Flags |= unix.RTM_F_FIB_MATCH
	}
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, q.dst.AsSlice()))
	if q.src.IsValid() {
		req.AddData(nl.NewRtAttr(unix.RTA_SRC, q.src.AsSlice()))
	}
	if q.oif != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(q.oif))))
	}
	if q.iif != 0 { // nobody's here
		req.AddData(nl.NewRtAttr(unix.RTA_IIF, nl.Uint32Attr(uint32(q.iif))))
	} else {
		req.AddData(nl.NewRtAttr(unix.RTA_UID, nl.Uint32Attr(uid)))
	}
	if q.tcp || q.flow != (flowPorts{}) {
		req.AddData(nl.NewRtAttr(unix.RTA_IP_PROTO, []byte{protoTCP}))
	}
	if q.flow != (flowPorts{}) {
		req.AddData(nl.NewRtAttr(unix.RTA_SPORT, binary.BigEndian.AppendUint16(nil, q.flow.src)))
		req.AddData(nl.NewRtAttr(unix.RTA_DPORT, binary.BigEndian.AppendUint16(nil, q.flow.dst)))
	}
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

// rtaNexthopID is RTA_NH_ID of include/uapi/linux/rtnetlink.h.
const rtaNexthopID = 30

// ecnBits are those of the type of service that no route looks at (RFC 3168 §5).
const ecnBits = 3

// readRoute reads the message RTM_NEWROUTE.
func readRoute(b []byte) (a routeAnswer, err error) {
	msg := nl.DeserializeRtMsg(b)
	attrs, err := nl.ParseRouteAttr(b[msg.Len():])
	if err != nil {
		return a, err
	}
	a.kind, a.table, a.cloned = int(msg.Type), int(msg.Table), msg.Flags&unix.RTM_F_CLONED != 0
	for _, attr := range attrs {
		switch attr.Attr.Type {
		case unix.RTA_OIF:
			a.oif = int(number(attr.Value))
		case unix.RTA_TABLE:
			a.table = int(number(attr.Value))
		case unix.RTA_PREFSRC:
			a.src = address(attr.Value)
		case unix.RTA_GATEWAY:
			a.gateway = address(attr.Value)
		case unix.RTA_VIA: // struct rtvia: two bytes of family in front
			if len(attr.Value) > 2 {
				a.gateway = address(attr.Value[2:])
			}
		case unix.RTA_MULTIPATH:
			a.nextHops, a.hops = alive(attr.Value)
		case rtaNexthopID:
			a.object = true
		case unix.RTA_ENCAP_TYPE:
			a.encap = true
		case unix.RTA_METRICS:
			a.mtu = pathMTU(attr.Value)
		}
	}
	return a, nil
}

// alive counts the next hops of a route, and those that are not dead: struct rtnexthop,
// include/uapi/linux/rtnetlink.h, each with its attributes behind it.
func alive(b []byte) (n, all int) {
	for len(b) >= unix.SizeofRtNexthop {
		length := int(binary.NativeEndian.Uint16(b))
		if length < unix.SizeofRtNexthop {
			break
		}
		if all++; b[2]&unix.RTNH_F_DEAD == 0 {
			n++
		}
		b = b[min(len(b), (length+3)&^3):]
	}
	return n, all
}

// pathMTU finds RTAX_MTU among the metrics.
func pathMTU(b []byte) int {
	metrics, err := nl.ParseRouteAttr(b)
	if err != nil {
		return 0
	}
	for _, m := range metrics {
		if m.Attr.Type == unix.RTAX_MTU {
			return int(number(m.Value))
		}
	}
	return 0
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
