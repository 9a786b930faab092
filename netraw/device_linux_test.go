package netraw

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The stamps of drivers take the way that those of hardware take: departures
// through the error queues, by their bytes and whatever the IP version,
// arrivals with the packet. Both lie between the tap's and what followed.
func TestDeviceStampsOfDrivers(t *testing.T) {
	newPeer(t)
	c := open(t, &Config{WatchOutgoing: true, DeviceStamps: DeviceDriver})
	for _, addr := range []netip.Addr{peer4, peer6, lo4, lo6} {
		before := time.Now().Round(0)
		sendSYN(t, c, addr, 9)
		var tapped, left, answer []Packet
		stamped := map[string]bool{} // a busy machine tells of the departure after the answer
		both := func(p Packet) bool {
			if flags := flagsOf(p.Data); !p.DeviceTime.IsZero() && p.Outgoing == (flags == "S") {
				stamped[flags] = true
			}
			return stamped["S"] && stamped["R."]
		}
		for _, p := range await(t, c, both) {
			switch {
			case p.Outgoing && flagsOf(p.Data) == "S" && p.DeviceTime.IsZero():
				tapped = append(tapped, p)
			case p.Outgoing && flagsOf(p.Data) == "S":
				left = append(left, p)
			case flagsOf(p.Data) == "R.":
				answer = append(answer, p)
			}
		}
		if len(tapped) != 1 || len(left) != 1 || len(answer) != 1 {
			t.Fatalf("%v: %d seen leaving, %d left, %d answers", addr, len(tapped), len(left), len(answer))
		}
		if !bytes.Equal(tapped[0].Data, left[0].Data) || !left[0].Time.IsZero() || !left[0].Partial {
			t.Errorf("%v: left as %s %+v, tapped as %s", addr, describe(left[0].Data), left[0], describe(tapped[0].Data))
		}
		order := []time.Time{before, tapped[0].Time, left[0].DeviceTime, answer[0].DeviceTime, time.Now()}
		for i := range order[1:] {
			if order[i+1].Before(order[i]) {
				t.Errorf("%v: stamp %d of %v is out of order", addr, i+1, order)
			}
		}
		if apart := answer[0].Time.Sub(answer[0].DeviceTime); apart != 0 {
			t.Errorf("%v: an arrival has two software stamps, %v apart", addr, apart)
		}
	}
}

// Departures wake a Recv that waits, and a deadline and Close end it as ever.
func TestRecvOfDepartures(t *testing.T) {
	c := open(t, &Config{DeviceStamps: DeviceDriver})
	go func() {
		time.Sleep(30 * time.Millisecond)
		sendSYN(t, c, lo4, 9)
	}()
	must(c.SetReadDeadline(time.Now().Add(time.Minute)))
	buf := make([]Packet, 1)
	seen := ""
	for len(seen) < 5 {
		n, err := c.Recv(buf)
		if err != nil || n != 1 {
			t.Fatalf("after %q: %d, %v", seen, n, err)
		}
		seen += map[bool]string{true: ">", false: "<"}[buf[0].Outgoing] + flagsOf(buf[0].Data)
	}
	if seen != ">S<R." {
		t.Errorf("saw %q", seen)
	}
	files := openFiles(t)
	result := make(chan error)
	go func() {
		must(c.SetReadDeadline(time.Time{}))
		_, err := c.Recv(buf)
		result <- err
	}()
	time.Sleep(20 * time.Millisecond)
	c.Close()
	if err := <-result; err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("Recv at Close: %v", err)
	}
	if got := openFiles(t); got >= files {
		t.Errorf("%d open files after Close, %d before", got, files)
	}
}

// Many departures at once lose none, in batches of any size.
func TestManyDepartures(t *testing.T) {
	newPeer(t)
	c := open(t, &Config{DeviceStamps: DeviceDriver})
	const count = 200
	batch := make([][]byte, count)
	for i := range batch {
		dst := []netip.Addr{peer4, peer6}[i%2]
		src := []netip.Addr{our4, our6}[i%2]
		batch[i] = segment(netip.AddrPortFrom(src, c.Ports()[0]), netip.AddrPortFrom(dst, 9), flagSYN, uint32(i), 0)
	}
	if n, err := c.Send(batch); n != count {
		t.Fatalf("%d sent: %v", n, err)
	}
	left, answers := map[uint32]bool{}, 0
	await(t, c, func(p Packet) bool {
		if p.Outgoing {
			left[binary.BigEndian.Uint32(tcpHeader(p.Data)[4:])] = true
		} else {
			answers++
		}
		return len(left) == count && answers == count
	})
	if len(left) != count || answers != count {
		t.Errorf("%d of %d departures, %d answers", len(left), count, answers)
	}
}

// The kernel hands on the stamp of an interface's own clock with an arrival. No
// interface here has one: the packet is put into the receiving path of a veth,
// stamp and all, by a BPF program under BPF_PROG_TEST_RUN.
func TestHardwareStampOfAnArrival(t *testing.T) {
	p := newPeer(t)
	c := open(t, &Config{DeviceStamps: DeviceHardware})
	stamp := time.Unix(1234567890, 123456789)
	synack := segment(netip.AddrPortFrom(peer4, 80), netip.AddrPortFrom(our4, c.Ports()[0]), flagSYN|flagACK, 1, 2)
	inject(t, p, synack, stamp)
	inject(t, p, synack, time.Time{})
	var stamps []time.Time
	await(t, c, func(p Packet) bool {
		if time.Since(p.Time).Abs() > time.Minute {
			t.Errorf("the kernel's own stamp is %v", p.Time)
		}
		stamps = append(stamps, p.DeviceTime)
		return len(stamps) == 2
	})
	if len(stamps) != 2 || !stamps[0].Equal(stamp) || !stamps[1].IsZero() {
		t.Errorf("stamps %v, want %v and none", stamps, stamp)
	}
}

// inject has our end of the veth receive an IPv4 packet, with the stamp of a
// clock that the interface does not have.
func inject(t *testing.T, p *peer, packet []byte, stamp time.Time) {
	t.Helper()
	const ingress = 1 // BPF_F_INGRESS
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R2, int32(p.hereIndex)),
		asm.Mov.Imm(asm.R3, ingress),
		asm.FnCloneRedirect.Call(),
		asm.Return(),
	}})
	if errors.Is(err, unix.EPERM) {
		skip(t, "loading a BPF program is not permitted")
	}
	must(err)
	defer program.Close()
	link, err := netlink.LinkByName(p.here)
	must(err)
	frame := append([]byte(link.Attrs().HardwareAddr), 2, 0, 0, 0, 0, 1, 0x08, 0x00)
	ctx := make([]byte, 192) // struct __sk_buff, include/uapi/linux/bpf.h; hwtstamp is its last field
	if !stamp.IsZero() {
		binary.NativeEndian.PutUint64(ctx[184:], uint64(stamp.UnixNano()))
	}
	if result, err := program.Run(&ebpf.RunOptions{Data: append(frame, packet...), Context: ctx}); result != 0 || err != nil {
		t.Fatalf("bpf_clone_redirect: %d, %v", result, err)
	}
}

// message is a control message as the kernel makes it, cmsg(3).
func message[T any](level, kind int, data T) []byte {
	size := int(unsafe.Sizeof(data))
	b := make([]byte, unix.CmsgSpace(size))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = int32(level), int32(kind)
	h.SetLen(unix.CmsgLen(size))
	*(*T)(unsafe.Pointer(&b[unix.CmsgLen(0)])) = data
	return b
}

func stampMessage(software, hardware int64) []byte {
	return message(unix.SOL_SOCKET, unix.SCM_TIMESTAMPING, unix.ScmTimestamping{Ts: [3]unix.Timespec{
		unix.NsecToTimespec(software), unix.NsecToTimespec(99), unix.NsecToTimespec(hardware)}})
}

func errorMessage(level, kind int, origin uint8, info uint32) []byte {
	return message(level, kind, unix.SockExtendedErr{Errno: uint32(unix.ENOMSG), Origin: origin, Info: info})
}

// What the control messages of an error queue come to.
func TestDepartureMessages(t *testing.T) {
	const own, ack = unix.SO_EE_ORIGIN_TIMESTAMPING, 2 // SCM_TSTAMP_ACK
	sent4 := errorMessage(unix.IPPROTO_IP, unix.IP_RECVERR, own, unix.SCM_TSTAMP_SND)
	sent6 := errorMessage(unix.IPPROTO_IPV6, unix.IPV6_RECVERR, own, unix.SCM_TSTAMP_SND)
	for _, tc := range []struct {
		name   string
		stamps DeviceStamps
		given  [][]byte
		want   int64 // 0: no departure
	}{
		{"hardware over IPv4", DeviceHardware, [][]byte{stampMessage(0, 7e9+5), sent4}, 7e9 + 5},
		{"hardware over IPv6", DeviceHardware, [][]byte{stampMessage(0, 7e9+5), sent6}, 7e9 + 5},
		{"the other order", DeviceHardware, [][]byte{sent6, stampMessage(0, 7e9+5)}, 7e9 + 5},
		{"both stamps, hardware asked", DeviceHardware, [][]byte{stampMessage(3e9, 7e9), sent4}, 7e9},
		{"both stamps, driver asked", DeviceDriver, [][]byte{stampMessage(3e9, 7e9), sent4}, 3e9},
		{"a driver's only, hardware asked", DeviceHardware, [][]byte{stampMessage(3e9, 0), sent4}, 0},
		{"hardware's only, driver asked", DeviceDriver, [][]byte{stampMessage(0, 7e9), sent4}, 0},
		{"of an acknowledgment", DeviceHardware, [][]byte{stampMessage(0, 7e9), errorMessage(unix.IPPROTO_IP, unix.IP_RECVERR, own, ack)}, 0},
		{"an ICMP error", DeviceHardware, [][]byte{errorMessage(unix.IPPROTO_IP, unix.IP_RECVERR, unix.SO_EE_ORIGIN_ICMP, 0)}, 0},
		{"a local error", DeviceHardware, [][]byte{errorMessage(unix.IPPROTO_IPV6, unix.IPV6_RECVERR, unix.SO_EE_ORIGIN_LOCAL, 1400)}, 0},
		{"a stamp of nothing", DeviceHardware, [][]byte{stampMessage(0, 7e9)}, 0},
		{"cut short", DeviceHardware, [][]byte{sent4, stampMessage(0, 7e9)[:40]}, 0},
		{"a short stamp", DeviceHardware, [][]byte{sent4, message(unix.SOL_SOCKET, unix.SCM_TIMESTAMPING, [2]unix.Timespec{})}, 0},
		{"a short error", DeviceHardware, [][]byte{stampMessage(0, 7e9), message(unix.IPPROTO_IP, unix.IP_RECVERR, [8]byte{4: own})}, 0},
		{"nothing", DeviceHardware, nil, 0},
	} {
		at, ok := tc.stamps.departure(bytes.Join(tc.given, nil))
		if ok != (tc.want != 0) || ok && at.UnixNano() != tc.want {
			t.Errorf("%s: %v, %t", tc.name, at, ok)
		}
	}
}

// An arrival's own message goes beside the other two.
func TestArrivalMessages(t *testing.T) {
	control := bytes.Join([][]byte{
		message(unix.SOL_SOCKET, unix.SCM_TIMESTAMPNS, unix.NsecToTimespec(1e9)),
		stampMessage(0, 7e9),
		message(unix.SOL_PACKET, unix.PACKET_AUXDATA, unix.TpacketAuxdata{Status: unix.TP_STATUS_CSUM_VALID}),
	}, nil)
	var p Packet
	readControl(control, DeviceHardware, &p)
	if p.Time.UnixNano() != 1e9 || p.DeviceTime.UnixNano() != 7e9 || !p.Valid {
		t.Errorf("%+v", p)
	}
	if len(control) > controlLength {
		t.Errorf("%d bytes of control messages, room for %d", len(control), controlLength)
	}
}

func TestPacketIn(t *testing.T) {
	v4 := segment(netip.AddrPortFrom(our4, 1), netip.AddrPortFrom(peer4, 2), flagSYN, 1, 0)
	v6 := segment(netip.AddrPortFrom(our6, 1), netip.AddrPortFrom(peer6, 2), flagSYN, 1, 0)
	join := func(parts ...string) []byte { return []byte(strings.Join(parts, "")) }
	const macs, ip4, ip6 = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c", "\x08\x00", "\x86\xdd"
	const tag, outer = "\x81\x00\x00\x07", "\x88\xa8\x00\x09"
	for _, tc := range []struct {
		name        string
		frame, want []byte
	}{
		{"Ethernet, IPv4", join(macs, ip4, string(v4)), v4},
		{"Ethernet, IPv6", join(macs, ip6, string(v6)), v6},
		{"padded", join(macs, ip4, string(v4), "\x00\x00\x00\x00\x00\x00"), v4},
		{"one tag", join(macs, tag, ip6, string(v6)), v6},
		{"two tags", join(macs, outer, tag, ip4, string(v4)), v4},
		{"no header", v4, v4},
		{"no header, IPv6", v6, v6},
		{"cut", join(macs, ip4, string(v4[:30])), nil},
		{"ARP", join(macs, "\x08\x06", string(v4)), nil},
		{"a tag and no more", join(macs, tag), nil},
		{"an address like a header", join("E\x00\x00\x28\x05\x06\x07\x08\x09\x0a\x0b\x0c", ip4, string(v4)), v4},
		{"nothing", nil, nil},
	} {
		if got := packetIn(tc.frame); !bytes.Equal(got, tc.want) {
			t.Errorf("%s: % x", tc.name, got)
		}
	}
}

// What an interface must offer, and have switched on.
func TestWhatStampsTake(t *testing.T) {
	const tx, rx, raw = unix.SOF_TIMESTAMPING_TX_HARDWARE, unix.SOF_TIMESTAMPING_RX_HARDWARE, unix.SOF_TIMESTAMPING_RAW_HARDWARE
	const soft = unix.SOF_TIMESTAMPING_TX_SOFTWARE | unix.SOF_TIMESTAMPING_RX_SOFTWARE | unix.SOF_TIMESTAMPING_SOFTWARE
	const all, ptp = 1 << unix.HWTSTAMP_FILTER_ALL, 1 << unix.HWTSTAMP_FILTER_PTP_V2_EVENT
	for _, tc := range []struct {
		offered, filters uint32
		want             string
	}{
		{tx | rx | raw | soft, all | ptp | 1, ""},
		{tx | rx | raw, all, ""},
		{soft, 0, "for departures and for arrivals"},
		{0, 0, "for departures and for arrivals"},
		{rx | raw, all, "for departures"},
		{tx | raw, all, "for arrivals"},
		{tx | rx, all, "for departures and for arrivals"},
		{tx | rx | raw | soft, ptp | 1, "for arrivals other than PTP's"},
	} {
		info := &unix.EthtoolTsInfo{So_timestamping: tc.offered, Rx_filters: tc.filters}
		if got := lackingStamps(info); got != tc.want {
			t.Errorf("offered %#x, filters %#x: %q, want %q", tc.offered, tc.filters, got, tc.want)
		}
	}
	for _, tc := range []struct {
		tx, rx int32
		want   string
	}{
		{unix.HWTSTAMP_TX_ON, unix.HWTSTAMP_FILTER_ALL, ""},
		{unix.HWTSTAMP_TX_OFF, unix.HWTSTAMP_FILTER_NONE, "for departures and for arrivals"},
		{unix.HWTSTAMP_TX_OFF, unix.HWTSTAMP_FILTER_ALL, "for departures"},
		{unix.HWTSTAMP_TX_ON, unix.HWTSTAMP_FILTER_NONE, "for arrivals"},
		{unix.HWTSTAMP_TX_ON, unix.HWTSTAMP_FILTER_PTP_V2_EVENT, "for arrivals other than PTP's"},
		{unix.HWTSTAMP_TX_ONESTEP_SYNC, unix.HWTSTAMP_FILTER_ALL, "for departures"},
	} {
		if got := stampsOff(&unix.HwTstampConfig{Tx_type: tc.tx, Rx_filter: tc.rx}); got != tc.want {
			t.Errorf("tx_type %d, rx_filter %d: %q, want %q", tc.tx, tc.rx, got, tc.want)
		}
	}
}

// No interface that a test can make has a clock of its own.
func TestHardwareStampsRefused(t *testing.T) {
	p := newPeer(t)
	for name, want := range map[string]error{p.here: ErrNoHardwareStamps, "lo": ErrNoHardwareStamps, "nosuch0": ErrNoInterface} {
		if err := HardwareStamps(name); !errors.Is(err, want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
