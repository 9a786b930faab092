package rtt_test

import (
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/lab"
	"synscope/netraw"
	"synscope/probe/ping"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

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
	conn, err := netraw.Open(&netraw.Config{WatchOutgoing: true, DeviceStamps: netraw.DeviceDriver})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
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
		if _, err := conn.Send([][]byte{wire}); err != nil {
			t.Fatal(err)
		}
		tap, driver := departure(t, conn, pkts, craft.Seq(i))
		later = append(later, driver.Sub(tap))
	}
	first := later[0] // may have waited for the neighbour
	later = later[1:]
	slices.Sort(later)
	median, p99 := later[len(later)/2], later[len(later)*99/100]
	t.Logf("the driver stamps %v after the tap in the median (min %v, p99 %v; the first packet %v)", median, later[0], p99, first)
	if later[0] < 0 {
		t.Errorf("the tap stamped %v after the driver", -later[0])
	}
	// The least, for a busy machine may interrupt in between, and often does.
	if later[0] > 5*time.Microsecond {
		t.Errorf("%v lie between tap and driver: too much to leave out of a round trip", later[0])
	}
}

// departure waits for both stamps of the SYN with a sequence number.
func departure(t *testing.T, conn *netraw.Conn, pkts []netraw.Packet, isn craft.Seq) (tap, driver time.Time) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	for tap.IsZero() || driver.IsZero() {
		n, err := conn.Recv(pkts)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pkts[:n] {
			var packet craft.Packet
			if !p.Outgoing || packet.Decode(p.Data, craft.TrustChecksums) != nil || packet.Segment.Seq != isn || packet.Segment.Flags != craft.SYN {
				continue
			}
			if p.DeviceTime.IsZero() {
				tap = p.Time
			} else {
				driver = p.DeviceTime
			}
		}
	}
	return tap, driver
}

// A whole ping between the stamps of a driver, which take the way through the
// kernel that those of hardware take: each time is within that between the
// kernel's own stamps.
func TestPingByDevice(t *testing.T) {
	lab.Require(t)
	l, err := lab.New(lab.Spec{Hosts: []lab.HostSpec{{Name: "peer", Services: []lab.Service{{Ports: []uint16{80}, Manner: lab.AcceptClose}}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := netraw.Open(&netraw.Config{Ports: 8, WatchOutgoing: true, DeviceStamps: netraw.DeviceDriver})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	h := l.Host("peer")
	targets := []netip.AddrPort{
		netip.AddrPortFrom(h.Addr4(), 80), netip.AddrPortFrom(h.Addr4(), 81), netip.AddrPortFrom(h.Addr6(), 80), netip.AddrPortFrom(h.Addr6(), 81),
	}
	device, longest := 0, time.Duration(0)
	_, err = ping.Run(t.Context(), conn, ping.Config{Targets: targets, Count: 50, Interval: 10 * time.Millisecond}, func(s ping.Sample) error {
		if s.Device && s.Clock == netraw.ClockKernel && s.RTT > 0 {
			device++
			longest = max(longest, s.RTT)
		}
		return nil
	})
	t.Logf("%d of 200 between the driver's stamps, the longest %v", device, longest)
	if err != nil || device < 195 {
		t.Errorf("%d of 200 samples are between the driver's stamps: %v", device, err)
	}
}
