package rtt_test

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/internal/lab"
	"synscope/netraw"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// stampingSocket is a raw socket whose departures the driver stamps: socket
// option SO_TIMESTAMPING, Documentation/networking/timestamping.rst.
func stampingSocket(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	const flags = unix.SOF_TIMESTAMPING_TX_SOFTWARE | unix.SOF_TIMESTAMPING_SOFTWARE | unix.SOF_TIMESTAMPING_OPT_TSONLY
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, flags); err != nil {
		t.Fatal(err)
	}
	return fd
}

// departure reads the driver's stamp of the packet sent last off the error
// queue.
func departure(t *testing.T, fd int) time.Time {
	t.Helper()
	control := make([]byte, 512)
	for range 100 {
		_, n, _, _, err := unix.Recvmsg(fd, nil, control, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) {
			time.Sleep(time.Millisecond)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		messages, err := unix.ParseSocketControlMessage(control[:n])
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPING {
				return time.Unix((*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Unix())
			}
		}
	}
	t.Fatal("no stamp on the error queue")
	return time.Time{}
}

// The two stamps that the kernel offers for a departure, of the same packets on
// a veth: the packet socket's, taken by the tap in dev_hard_start_xmit, and the
// driver's, from skb_tx_timestamp. probe.Ping uses the first; this is what its
// documentation says of the two.
func TestStampSources(t *testing.T) {
	lab.Require(t)
	l, err := lab.New(lab.Spec{Hosts: []lab.HostSpec{{Name: "peer"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := l.Host("peer")
	conn, err := netraw.Open(&netraw.Config{WatchOutgoing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fd := stampingSocket(t)
	src, dst := netip.AddrPortFrom(h.Prober4(), conn.Ports()[0]), netip.AddrPortFrom(h.Addr4(), 9)

	const packets = 500
	var later []time.Duration // the driver's stamp after the tap's
	pkts := make([]netraw.Packet, 16)
	for i := range packets {
		syn := craft.Profiles()[0].SYN(src, dst, craft.Seq(i), 0, 1)
		wire, err := syn.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Sendto(fd, wire, 0, &unix.SockaddrInet4{Addr: dst.Addr().As4()}); err != nil {
			t.Fatal(err)
		}
		driver := departure(t, fd)
		later = append(later, driver.Sub(tap(t, conn, pkts, craft.Seq(i))))
	}
	first := later[0] // may have waited for the neighbour
	later = later[1:]
	slices.Sort(later)
	median, p99 := later[len(later)/2], later[len(later)*99/100]
	t.Logf("the driver stamps %v after the tap in the median (min %v, p99 %v; the first packet %v)", median, later[0], p99, first)
	if later[0] < 0 {
		t.Errorf("the tap stamped %v after the driver", -later[0])
	}
	if median > 5*time.Microsecond {
		t.Errorf("%v lie between tap and driver: too much to leave out of a round trip", median)
	}
}

// tap is the packet socket's stamp of the SYN with a sequence number.
func tap(t *testing.T, conn *netraw.Conn, pkts []netraw.Packet, isn craft.Seq) time.Time {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(time.Second))
	for {
		n, err := conn.Recv(pkts)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pkts[:n] {
			var packet craft.Packet
			if p.Outgoing && packet.Decode(p.Data, craft.TrustChecksums) == nil && packet.Segment.Seq == isn && packet.Segment.Flags == craft.SYN {
				return p.Time
			}
		}
	}
}
