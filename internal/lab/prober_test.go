//go:build linux

package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"
)

// answer is what came back for one probe; the zero value is silence.
type answer struct {
	from   netip.Addr
	flags  uint8 // of a segment
	seq    uint32
	ack    uint32
	window uint16
	icmp   [2]uint8 // type and code of an error
	ttl    uint8
}

// prober sends bare segments and collects what comes back, by source port.
type prober struct {
	t       *testing.T
	raw     map[bool]int // by Is4
	capture int
}

// everyProtocol is ETH_P_ALL in network byte order, as packet(7) wants it.
var everyProtocol = int(binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL)))

func newProber(t *testing.T) *prober {
	t.Helper()
	open := func(domain, proto int) int {
		fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, proto)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	p := &prober{t: t, raw: map[bool]int{true: open(unix.AF_INET, unix.IPPROTO_TCP), false: open(unix.AF_INET6, unix.IPPROTO_TCP)}}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, everyProtocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	for _, o := range []int{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, o, 16<<20) == nil {
			break
		}
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		t.Fatal(err)
	}
	p.capture = fd
	return p
}

// send sends one segment with seq 1000 and ack 2000.
func (p *prober) send(src netip.Addr, sport uint16, dst netip.AddrPort, flags uint8) {
	p.t.Helper()
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(sport), DstPort: layers.TCPPort(dst.Port()), Seq: 1000, Window: 1024,
		FIN: flags&1 != 0, SYN: flags&2 != 0, PSH: flags&8 != 0, ACK: flags&16 != 0, URG: flags&32 != 0,
	}
	if tcp.ACK {
		tcp.Ack = 2000
	}
	var network gopacket.NetworkLayer = &layers.IPv4{Protocol: layers.IPProtocolTCP, SrcIP: src.AsSlice(), DstIP: dst.Addr().AsSlice()}
	var to unix.Sockaddr = &unix.SockaddrInet4{Addr: as4(dst.Addr())}
	if dst.Addr().Is6() {
		network = &layers.IPv6{NextHeader: layers.IPProtocolTCP, SrcIP: src.AsSlice(), DstIP: dst.Addr().AsSlice()}
		to = &unix.SockaddrInet6{Addr: dst.Addr().As16()}
	}
	if err := tcp.SetNetworkLayerForChecksum(network); err != nil {
		p.t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, tcp); err != nil {
		p.t.Fatal(err)
	}
	if err := unix.Sendto(p.raw[dst.Addr().Is4()], buf.Bytes(), 0, to); err != nil {
		p.t.Fatalf("send to %s: %v", dst, err)
	}
}

func as4(a netip.Addr) (b [4]byte) {
	if a.Is4() {
		b = a.As4()
	}
	return b
}

// quiet is how long nothing must come until nothing more is waited for.
const quiet = 200 * time.Millisecond

// collect listens until at least want source ports have their answer and nothing more
// comes, and returns the first answer to each. It gives up after a minute: by
// then what is missing is not late.
func (p *prober) collect(want int) map[uint16]answer {
	p.t.Helper()
	tv := unix.NsecToTimeval(quiet.Nanoseconds())
	if err := unix.SetsockoptTimeval(p.capture, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		p.t.Error(err)
		return nil
	}
	got := make(map[uint16]answer)
	buf := make([]byte, 1<<16)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		n, _, err := unix.Recvfrom(p.capture, buf, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN) && len(got) >= want:
			return got
		case errors.Is(err, unix.EAGAIN):
		case err != nil:
			p.t.Error(os.NewSyscallError("recvfrom", err))
			return nil
		default:
			note(got, buf[:n])
		}
	}
	return got
}

// note keeps the first answer to each port.
func note(got map[uint16]answer, packet []byte) {
	port, a, ok := parse(packet)
	if _, twice := got[port]; ok && !twice {
		got[port] = a
	}
}

// parse reads an answer and the port of ours that it is for.
func parse(b []byte) (port uint16, a answer, ok bool) {
	first := layers.LayerTypeIPv4
	if b[0]>>4 == 6 {
		first = layers.LayerTypeIPv6
	}
	pkt := gopacket.NewPacket(b, first, gopacket.Default)
	quote := 0
	switch ip := pkt.NetworkLayer().(type) {
	case *layers.IPv4:
		a.from, a.ttl, quote = addr(ip.SrcIP), ip.TTL, 20
	case *layers.IPv6:
		a.from, a.ttl, quote = addr(ip.SrcIP), ip.HopLimit, 44
	}
	if tcp, is := pkt.Layer(layers.LayerTypeTCP).(*layers.TCP); is {
		a.flags, a.seq, a.ack, a.window = tcp.Contents[13], tcp.Seq, tcp.Ack, tcp.Window
		return uint16(tcp.DstPort), a, true
	}
	var payload []byte
	if icmp, is := pkt.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4); is {
		a.icmp, payload = [2]uint8{icmp.TypeCode.Type(), icmp.TypeCode.Code()}, icmp.Payload
	}
	if icmp, is := pkt.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6); is {
		a.icmp, payload = [2]uint8{icmp.TypeCode.Type(), icmp.TypeCode.Code()}, icmp.Payload
	}
	if a.icmp == [2]uint8{} && payload == nil || len(payload) < quote+2 || a.icmp[0] >= 128 {
		return 0, a, false
	}
	return uint16(payload[quote])<<8 | uint16(payload[quote+1]), a, true
}

func addr(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a
}

func (a answer) String() string {
	switch {
	case a == answer{}:
		return "silence"
	case a.flags != 0:
		return fmt.Sprintf("flags %#x win %d from %s", a.flags, a.window, a.from)
	}
	return fmt.Sprintf("ICMP %d/%d from %s", a.icmp[0], a.icmp[1], a.from)
}
