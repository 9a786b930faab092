package netraw

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// benchBatch is how many packets a Send takes in the benchmarks, and at once.
const benchBatch = 64

// discard returns a batch of SYNs that the peer drops as soon as it sees that
// their hardware address is not its own.
func discard(b *testing.B) [][]byte {
	p := newPeer(b)
	dst := netip.MustParseAddr("192.0.2.200")
	must(netlink.NeighSet(&netlink.Neigh{LinkIndex: p.hereIndex, State: netlink.NUD_PERMANENT,
		IP: dst.AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 200}}))
	batch := make([][]byte, benchBatch)
	for i := range batch {
		src, to := netip.AddrPortFrom(our4, 40000), netip.AddrPortFrom(dst, uint16(i))
		batch[i] = segment(src, to, flagSYN, uint32(i), 0)
	}
	return batch
}

// BenchmarkSend compares Conn.Send with a loop round the bare system call
// over arrays that were filled once, in the same run, and reports how many
// times as long it takes. One operation is one packet.
func BenchmarkSend(b *testing.B) {
	batch := discard(b)
	c := open(b, nil)
	bare := newBareSender(b, batch)
	perPacket := func(send func()) time.Duration {
		start := time.Now()
		for range 200 {
			send()
		}
		return time.Since(start) / (200 * benchBatch)
	}
	viaConn := func() {
		if n, err := c.Send(batch); err != nil {
			b.Fatal(n, err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	var ours, theirs time.Duration
	for done := 0; done < b.N; done += benchBatch {
		viaConn()
	}
	b.StopTimer()
	for range 5 { // alternating, so that both meet the same machine
		ours += perPacket(viaConn)
		theirs += perPacket(func() { bare.send(b) })
	}
	b.ReportMetric(float64(ours)/float64(theirs), "x-bare")
}

// BenchmarkBareSendmmsg is the floor: the system call and nothing else.
func BenchmarkBareSendmmsg(b *testing.B) {
	bare := newBareSender(b, discard(b))
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += benchBatch {
		bare.send(b)
	}
}

type bareSender struct {
	fd    int
	msgs  [benchBatch]unix.Mmsghdr
	iovs  [benchBatch]unix.Iovec
	names [benchBatch]unix.RawSockaddrInet4
}

func newBareSender(b *testing.B, batch [][]byte) *bareSender {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	must(err)
	b.Cleanup(func() { unix.Close(fd) })
	s := &bareSender{fd: fd}
	for i, pkt := range batch {
		s.names[i] = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte(pkt[16:20])}
		s.iovs[i].Base = &pkt[0]
		s.iovs[i].SetLen(len(pkt))
		hdr := &s.msgs[i].Hdr
		hdr.Name, hdr.Namelen = (*byte)(unsafe.Pointer(&s.names[i])), unix.SizeofSockaddrInet4
		hdr.Iov = &s.iovs[i]
		hdr.SetIovlen(1)
	}
	return s
}

func (s *bareSender) send(b *testing.B) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.msgs[0])), benchBatch, 0, 0, 0)
	if n != benchBatch {
		b.Fatal(n, errno)
	}
}

// BenchmarkRecv compares Conn.Recv with a loop of recvfrom(2) on the same
// packets, one call and no stamp a packet. One operation is one packet.
func BenchmarkRecv(b *testing.B) {
	c := open(b, nil)
	plain := &Conn{}
	defer plain.close()
	must(intakeOf(plain, Config{}, receiveFilter(c.Ports())))
	src, dst := netip.AddrPortFrom(lo4, 80), netip.AddrPortFrom(lo4, c.Ports()[0])
	batch := make([][]byte, benchBatch)
	for i := range batch {
		batch[i] = segment(src, dst, flagSYN|flagACK, uint32(i), 0)
	}
	pkts, buf := make([]Packet, benchBatch), make([]byte, 2048)
	viaConn := func() {
		for got := 0; got < benchBatch; {
			n, err := c.Recv(pkts)
			must(err)
			got += n
		}
	}
	viaRecvfrom := func() {
		must(plain.in.(*receiver).raw.Control(func(fd uintptr) {
			for range benchBatch {
				_, _, err := unix.Recvfrom(int(fd), buf, 0)
				must(err)
			}
		}))
	}
	var ours, theirs time.Duration
	for done := 0; done < b.N; done += benchBatch {
		_, err := c.Send(batch)
		must(err)
		start := time.Now()
		viaConn()
		middle := time.Now()
		viaRecvfrom()
		ours += middle.Sub(start)
		theirs += time.Since(middle)
	}
	b.ReportMetric(float64(ours)/float64(b.N), "ns/packet")
	b.ReportMetric(float64(ours)/float64(theirs), "x-recvfrom")
}

// The stamps of Recv are the kernel's: with the reader asleep for a while after
// they came they lie before that, in the order of arrival.
func TestStampsAreTheKernels(t *testing.T) {
	c, beside := open(t, nil), open(t, nil)
	beside.in.(*receiver).withFD(func(fd int) error { return setFilter(fd, receiveFilter(c.Ports())) })
	for i := range 3 {
		syn := segment(netip.AddrPortFrom(lo4, c.Ports()[0]), netip.AddrPortFrom(lo4, 9), flagSYN, uint32(i), 0)
		if _, err := c.Send([][]byte{syn}); err != nil {
			t.Fatal(err)
		}
	}
	await(t, beside, nth(3, isRefusal))
	came := time.Now()
	time.Sleep(20 * time.Millisecond)
	pkts := make([]Packet, 3)
	if n, err := c.Recv(pkts); n != 3 {
		t.Fatal(n, err)
	}
	for i, p := range pkts {
		if p.Time.After(came) {
			t.Errorf("packet %d stamped %v after it came", i, p.Time.Sub(came))
		}
		if i > 0 && p.Time.Before(pkts[i-1].Time) {
			t.Errorf("packet %d stamped before its predecessor", i)
		}
		if ack := binary.BigEndian.Uint32(tcpHeader(p.Data)[8:]); ack != uint32(i)+1 {
			t.Errorf("packet %d acknowledges %d", i, ack)
		}
	}
}
