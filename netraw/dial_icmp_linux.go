package netraw

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// reportICMP has the kernel keep the ICMP error that ends a connect, where it can: error numbers do not tell one
// from an RST, nor its code or who sent it.
func reportICMP(fd int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1) // refused by one of the two: it is of one family
	unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
}

// icmp is the ICMP error that ended a connect, nil where none did or the kernel keeps none. Connections that are
// being opened have a queue of errors as ip(7) tells of datagrams since Linux 5.19 (tcp_v4_err in
// net/ipv4/tcp_ipv4.c).
func (w *witness) icmp() *ICMPError {
	if w.fd == 0 {
		return nil
	}
	oob := make([]byte, 256)
	_, n, _, _, err := unix.Recvmsg(w.fd, nil, oob, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if err != nil {
		return nil
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return nil
	}
	for _, m := range messages {
		if e := icmpIn(&m); e != nil {
			return e
		}
	}
	return nil
}

// Layout of struct sock_extended_err (linux/errqueue.h), behind which the address of the sender stands, as in
// struct sockaddr_in or sockaddr_in6.
const (
	extendedOrigin = 4
	extendedType   = 5
	extendedCode   = 6
	extendedSize   = 16
)

// icmpIn is the ICMP error in a control message, nil if it is another one.
func icmpIn(m *unix.SocketControlMessage) *ICMPError {
	kind, b := m.Header, m.Data
	v4 := kind.Level == unix.IPPROTO_IP && kind.Type == unix.IP_RECVERR
	v6 := kind.Level == unix.IPPROTO_IPV6 && kind.Type == unix.IPV6_RECVERR
	if !v4 && !v6 || len(b) < extendedSize || !slices.Contains([]byte{unix.SO_EE_ORIGIN_ICMP, unix.SO_EE_ORIGIN_ICMP6}, b[extendedOrigin]) {
		return nil
	}
	return &ICMPError{Type: b[extendedType], Code: b[extendedCode], From: addressIn(b[extendedSize:])}
}

// addressIn is the address in a sockaddr, the zero one where there is none.
func addressIn(b []byte) (a netip.Addr) {
	if len(b) < 8 {
		return a
	}
	switch binary.NativeEndian.Uint16(b) {
	case unix.AF_INET:
		a, _ = netip.AddrFromSlice(b[4:8])
	case unix.AF_INET6:
		if len(b) >= 24 {
			a, _ = netip.AddrFromSlice(b[8:24])
		}
	}
	return a.Unmap()
}
