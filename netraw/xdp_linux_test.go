package netraw

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"synscope/craft"
	"synscope/internal/lab"
	"synscope/netraw/bpf"
)

// What XDP programs return: include/uapi/linux/bpf.h.
const (
	xdpDrop     = 1
	xdpPass     = 2
	xdpRedirect = 4
)

// xdpContext is struct xdp_md.
type xdpContext struct{ Data, DataEnd, DataMeta, IngressIfindex, RxQueueIndex, EgressIfindex uint32 }

// arrive runs the program over a frame as if it came in by the interface.
func arrive(t testing.TB, c *XDPConn, packet []byte) (verdict uint32, out []byte) {
	t.Helper()
	ether := uint16(0x0800)
	if packet[0]>>4 == 6 {
		ether = 0x86dd
	}
	frame := append([]byte{1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16}, byte(ether>>8), byte(ether))
	frame = append(frame, packet...)
	run := ebpf.RunOptions{
		Data: frame, DataOut: make([]byte, len(frame)+256),
		Context: xdpContext{DataEnd: uint32(len(frame)), IngressIfindex: uint32(c.ways.routes.ifindex)},
	}
	verdict, err := c.program.objects.Engine.Run(&run)
	if err != nil {
		t.Fatal(err)
	}
	return verdict, run.DataOut
}

// openAlone opens an engine that nobody answers.
func openAlone(t testing.TB) *XDPConn {
	p := newPeer(t)
	p.do(func() { must(lab.AcceptRedirects(p.there)) })
	return openXDP(t, p, Config{})
}

// segmentBytes builds a packet.
func segmentBytes(t testing.TB, s craft.Segment) []byte {
	t.Helper()
	s.TTL = cmp.Or(s.TTL, 64)
	b, err := s.AppendTo(nil)
	must(err)
	return b
}

// The frames of the program are those of the template, byte for byte.
func TestXDPFramesAgainstTheTemplate(t *testing.T) {
	c := openAlone(t)
	r := rand.New(rand.NewPCG(1, 2))
	header := [12]byte{2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8}
	c.out.publish(77, header)
	for i := range 2000 {
		probe := randomProbe(r, i%2 == 0)
		template, err := c.templates.of(&probe)
		must(err)
		want := binary.BigEndian.AppendUint16(header[:12:12], 0x0800)
		queue := &c.out.v4
		if i%2 != 0 {
			want = binary.BigEndian.AppendUint16(header[:12:12], 0x86dd)
			queue = &c.out.v6
		}
		want = template.AppendTo(want, probe)

		queue.n = 0
		if c.out.add(&probe, 0, 77) != nil {
			t.Fatal("no room")
		}
		*c.program.run = bpf.EngineRun{Version: queue.version, Count: 1}
		run := ebpf.RunOptions{Data: bytes.Repeat([]byte{0xa5}, len(queue.data)), DataOut: make([]byte, 256)}
		verdict, err := c.program.objects.Engine.Run(&run)
		if err != nil || verdict != xdpRedirect {
			t.Fatalf("verdict %d, %v", verdict, err)
		}
		if !bytes.Equal(run.DataOut, want) {
			t.Fatalf("%+v\n got %x\nwant %x", probe, run.DataOut, want)
		}
	}
	queue := &c.out.v4
	queue.n = 0
}

func randomProbe(r *rand.Rand, four bool) craft.Fields {
	addr := func() netip.AddrPort {
		var b [16]byte
		binary.LittleEndian.PutUint64(b[:], r.Uint64())
		binary.LittleEndian.PutUint64(b[8:], r.Uint64())
		a := netip.AddrFrom16(b)
		if four {
			a = netip.AddrFrom4([4]byte(b[:4]))
		}
		return netip.AddrPortFrom(a, uint16(r.Uint32()))
	}
	return craft.Fields{
		Src: addr(), Dst: addr(), Seq: craft.Seq(r.Uint32()), Ack: craft.Seq(r.Uint32()),
		ID: uint16(r.Uint32()), TTL: uint8(r.Uint32()), TSval: r.Uint32(),
	}
}

// conversation is one probe and the ends it goes between.
func conversation(c *XDPConn, four bool, port uint16) (src, dst netip.AddrPort) {
	if four {
		return netip.AddrPortFrom(our4, c.Ports()[0]), netip.AddrPortFrom(far4, port)
	}
	return netip.AddrPortFrom(our6, c.Ports()[0]), netip.AddrPortFrom(far6, port)
}

// A SYN-ACK that acknowledges the cookie comes back as the RST that a kernel
// would send; one that differs in any bit of it passes, counted.
func TestXDPCookie(t *testing.T) {
	c := openAlone(t)
	c.in.expect(our4)
	c.in.expect(our6)
	rejected := uint64(0)
	for i := range 200 {
		src, dst := conversation(c, i%2 == 0, uint16(i*331))
		seq, _ := cookieOf(testKey, src, dst, uint8(i/2%2))
		reply := craft.Segment{
			Src: dst, Dst: src, Seq: craft.Seq(i), Ack: seq.Add(1), Flags: craft.SYN | craft.ACK, Window: 7, DF: true,
			Options: must1(craft.NewOptions(craft.MSS(1460), craft.SACKPermitted(), craft.Timestamps(1, 2))),
		}
		verdict, out := arrive(t, c, segmentBytes(t, reply))
		want := craft.Segment{Src: src, Dst: dst, Seq: seq.Add(1), Flags: craft.RST, DF: src.Addr().Is4()}
		wantFrame := append([]byte{11, 12, 13, 14, 15, 16, 1, 2, 3, 4, 5, 6}, out[12:14]...)
		wantFrame = append(wantFrame, segmentBytes(t, want)...)
		wantFrame = append(wantFrame, make([]byte, max(0, 60-len(wantFrame)))...)
		if verdict != xdpRedirect || !bytes.Equal(out, wantFrame) {
			t.Fatalf("%v\nverdict %d\n got %x\nwant %x", &reply, verdict, out, wantFrame)
		}
		wrong := reply
		wrong.Ack ^= 1 << (i % 32)
		packet := segmentBytes(t, wrong)
		if verdict, out := arrive(t, c, packet); verdict != xdpPass || !bytes.Equal(out[14:], packet) {
			t.Fatalf("%v: verdict %d", &wrong, verdict)
		}
		rejected++
		if got := c.Rejected()["bad-ack"]; got != rejected {
			t.Fatalf("%d rejected, want %d", got, rejected)
		}
	}
}

func must1[T any](v T, err error) T {
	must(err)
	return v
}

// The truth table of what is taken, what passes, and what is counted.
func TestXDPVerdicts(t *testing.T) {
	c := openAlone(t)
	c.in.expect(our4)
	c.in.expect(our6)
	for _, four := range []bool{true, false} {
		src, dst := conversation(c, four, 80)
		seq, ack := cookieOf(testKey, src, dst, 1)
		reply := func(change func(*craft.Segment)) []byte {
			s := craft.Segment{Src: dst, Dst: src, Seq: 9, Ack: seq.Add(1), Flags: craft.RST | craft.ACK}
			change(&s)
			return segmentBytes(t, s)
		}
		probe := segmentBytes(t, craft.Segment{Src: src, Dst: dst, Seq: seq, Flags: craft.SYN})
		foreign := segmentBytes(t, craft.Segment{Src: src, Dst: dst, Seq: seq + 1, Flags: craft.SYN})
		for _, row := range []struct {
			name    string
			packet  []byte
			verdict uint32
			reason  string // counted under; "matched" if delivered
		}{
			{"RST that acknowledges", reply(func(*craft.Segment) {}), xdpDrop, "matched"},
			{"RST of something else", reply(func(s *craft.Segment) { s.Ack++ }), xdpPass, "bad-ack"},
			{"RST of our own number", reply(func(s *craft.Segment) { s.Ack-- }), xdpDrop, "matched"},
			{"RST without ACK", reply(func(s *craft.Segment) { s.Flags = craft.RST }), xdpDrop, "matched"},
			{"RST without ACK, for another address", reply(func(s *craft.Segment) {
				s.Flags, s.Dst = craft.RST, netip.AddrPortFrom(src.Addr().Next(), src.Port())
			}), xdpPass, ""},
			{"RST that answers our question", reply(func(s *craft.Segment) { s.Flags, s.Seq = craft.RST, ack }), xdpDrop, "matched"},
			{"SYN", reply(func(s *craft.Segment) { s.Flags = craft.SYN }), xdpDrop, "matched"},
			{"ACK of our SYN-ACK", reply(func(s *craft.Segment) { s.Flags = craft.ACK }), xdpDrop, "matched"},
			{"challenge ACK", reply(func(s *craft.Segment) { s.Flags, s.Ack = craft.ACK, 5 }), xdpDrop, "matched"},
			{"ACK, for another address", reply(func(s *craft.Segment) {
				s.Flags, s.Dst = craft.ACK, netip.AddrPortFrom(src.Addr().Next(), src.Port())
			}), xdpPass, ""},
			{"data", reply(func(s *craft.Segment) { s.Flags = craft.PSH }), xdpPass, "unexpected-flags"},
			{"other port", reply(func(s *craft.Segment) { s.Dst = netip.AddrPortFrom(src.Addr(), src.Port()^1) }), xdpPass, ""},
			{"other address", reply(func(s *craft.Segment) { s.Dst = netip.AddrPortFrom(src.Addr().Next(), src.Port()) }), xdpPass, ""},
			{"short quote", icmpOf(dst.Addr(), src.Addr(), probe, 8), xdpPass, "matched"},
			{"long quote", icmpOf(dst.Addr(), src.Addr(), append(probe, make([]byte, 400)...), 400), xdpPass, "matched"},
			{"quote whose sum is wrong", flipLast(icmpOf(dst.Addr(), src.Addr(), probe, 20)), xdpPass, "bad-checksum"},
			{"long quote whose sum is wrong", flipLast(icmpOf(dst.Addr(), src.Addr(), append(probe, make([]byte, 1100)...), 1100)), xdpPass, "bad-checksum"},
			{"quote of another", icmpOf(dst.Addr(), src.Addr(), foreign, 20), xdpPass, "foreign-quote"},
		} {
			before, matched := c.Rejected(), c.in.counters()[countMatched]
			verdict, out := arrive(t, c, row.packet)
			if verdict != row.verdict || !bytes.Equal(out[14:], row.packet) {
				t.Errorf("%s: verdict %d, want %d", row.name, verdict, row.verdict)
			}
			if row.reason != "" && row.reason != "matched" {
				before[row.reason]++
			}
			if after := c.Rejected(); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("%s: counted %v, want %v", row.name, after, before)
			}
			if got := c.in.counters()[countMatched] - matched; (got == 1) != (row.reason == "matched") {
				t.Errorf("%s: delivered %d", row.name, got)
				continue
			}
			if row.reason == "matched" {
				pkts := make([]Packet, 4)
				must(c.SetReadDeadline(time.Now().Add(time.Minute)))
				if n, err := c.Recv(pkts); n != 1 || err != nil || !bytes.Equal(pkts[0].Data, row.packet) {
					t.Errorf("%s: delivered %d, %v: %x", row.name, n, err, pkts[0].Data)
				}
			}
		}
	}
}

// A SYN-ACK that comes again at once is delivered again, and not answered again.
func TestXDPAnswersACopyOnce(t *testing.T) {
	c := openAlone(t)
	c.in.expect(our4)
	var packet []byte
	var before uint64
	for port := uint16(80); ; port++ {
		src, dst := conversation(c, true, port)
		seq, _ := cookieOf(testKey, src, dst, 0)
		packet = segmentBytes(t, craft.Segment{Src: dst, Dst: src, Seq: 9, Ack: seq.Add(1), Flags: craft.SYN | craft.ACK})
		before = c.Resets()
		began := time.Now()
		if verdict, _ := arrive(t, c, packet); verdict != xdpRedirect {
			t.Fatalf("the first: verdict %d", verdict)
		}
		dropped := 0
		for range 5 {
			if verdict, _ := arrive(t, c, packet); verdict == xdpDrop {
				dropped++
			}
		}
		if dropped == 5 {
			break
		}
		if took := time.Since(began); took < 100*time.Millisecond { // held up for longer, a copy is a retransmission
			t.Fatalf("%d of 5 copies were dropped, within %v", dropped, took)
		}
	}
	time.Sleep(150 * time.Millisecond)
	if verdict, _ := arrive(t, c, packet); verdict != xdpRedirect {
		t.Errorf("a retransmission: verdict %d", verdict)
	}
	if n := c.Resets() - before; n != 2 {
		t.Errorf("%d RSTs", n)
	}
}

// Strangers' segments without a number of ours reach the reader only so far.
func TestXDPBoundsTheUnverified(t *testing.T) {
	c := openAlone(t)
	c.in.expect(our4)
	matched, rejected := c.in.counters()[countMatched], c.Rejected()["bad-seq"]
	const flood = 6000
	for i := range flood {
		src, dst := conversation(c, true, uint16(i))
		arrive(t, c, segmentBytes(t, craft.Segment{Src: dst, Dst: src, Seq: 9, Flags: craft.RST}))
	}
	taken, refused := c.in.counters()[countMatched]-matched, c.Rejected()["bad-seq"]-rejected
	if taken+refused != flood || taken < 2000 {
		t.Errorf("%d taken, %d rejected of %d", taken, refused, flood)
	}
}

func flipLast(p []byte) []byte {
	p[len(p)-1] ^= 1
	return p
}

// icmpOf is a destination unreachable error that quotes the IP header and so
// many bytes of what follows.
func icmpOf(src, dst netip.Addr, packet []byte, quoted int) []byte {
	if src.Is4() {
		body := append([]byte{3, 13, 0, 0, 0, 0, 0, 0}, packet[:20+quoted]...)
		head := make([]byte, 20)
		head[0], head[8], head[9] = 0x45, 64, protoICMP
		binary.BigEndian.PutUint16(head[2:], uint16(20+len(body)))
		copy(head[12:], src.AsSlice())
		copy(head[16:], dst.AsSlice())
		return resum(append(head, body...))
	}
	body := append([]byte{1, 1, 0, 0, 0, 0, 0, 0}, packet[:40+quoted]...)
	head := make([]byte, 40)
	head[0], head[6], head[7] = 0x60, protoICMPv6, 64
	binary.BigEndian.PutUint16(head[4:], uint16(len(body)))
	copy(head[8:], src.AsSlice())
	copy(head[24:], dst.AsSlice())
	return resum(append(head, body...))
}

// Kernel and world see every SYN-ACK reset, and nothing else is disturbed: a
// connection through the same interface works meanwhile.
func TestXDPLeavesTheRestAlone(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	var ln net.Listener
	p.do(func() { ln = must1(net.Listen("tcp", netip.AddrPortFrom(peer4, 8080).String())) })
	defer ln.Close()
	p.do(func() { must(lab.AcceptRedirects(p.there)) })
	c := openXDP(t, p, Config{})
	go func() {
		if conn, err := ln.Accept(); err == nil {
			conn.Write([]byte("hello"))
			conn.Close()
		}
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	greeting := make([]byte, 5)
	if _, err := conn.Read(greeting); err != nil || string(greeting) != "hello" {
		t.Errorf("%q, %v", greeting, err)
	}

	// The peer's kernel now answers a probe; the RST must leave nothing behind.
	src, dst := netip.AddrPortFrom(our4, c.Ports()[0]), netip.AddrPortFrom(peer4, 8080)
	seq, _ := cookieOf(testKey, src, dst, 0)
	if n, err := blast(t, c, []craft.Fields{{Src: src, Dst: dst, Seq: seq, TSval: 1}}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if answers := collect(t, c); answers[dst] != craft.SYN|craft.ACK {
		t.Errorf("%v", answers)
	}
	p.do(func() {
		sockets := must1(os.ReadFile("/proc/thread-self/net/tcp"))
		if bytes.Contains(sockets, fmt.Appendf(nil, ":%04X 03 ", src.Port())) {
			t.Errorf("half-open:\n%s", sockets)
		}
	})
}

// Replies that find the ring full are counted, each.
func TestXDPDropsAreCounted(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	internet(t, p, lab.World{Open: 1})
	c := openXDP(t, p, Config{ReceiveBuffer: 1 << 16})
	const n = 2000
	if sent, err := blast(t, c, probesOf(n, c.Ports()[0])); sent != n || err != nil {
		t.Fatal(sent, err)
	}
	got := len(collect(t, c))
	if s := c.Stats(); got == n || uint64(got)+s.KernelDrops != n {
		t.Errorf("%d received of %d, %+v", got, n, s)
	}
}

func TestXDPErrors(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	open := func(ifname string, attempts int) error {
		c, err := OpenXDP(&Config{Interface: ifname}, synTemplates(t), XDPCookie{Attempts: attempts, Flags: craft.SYN})
		if err == nil {
			c.Close()
		}
		return err
	}
	plain := open(p.here, 1) // the far end has neither GRO nor an XDP program
	if errors.Is(plain, ErrXDPPermission) {
		skip(t, plain.Error())
	}
	internet(t, p, lab.World{})
	defer openXDP(t, p, Config{}).Close()
	for _, row := range []struct {
		name string
		got  error
		want error
	}{
		{"no interface", open("", 1), ErrNoInterface},
		{"unknown interface", open("nosuch0", 1), ErrNoInterface},
		{"loopback", open("lo", 1), ErrXDPInterface},
		{"veth without receiver", plain, ErrXDPInterface},
		{"occupied", open(p.here, 1), ErrXDPBusy},
		{"no attempts", open(p.here, 0), ErrXDPCookie},
		{"too many attempts", open(p.here, MaxXDPAttempts+1), ErrXDPCookie},
	} {
		if !errors.Is(row.got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, row.got, row.want)
		}
	}
}

// TestXDPGoesWithTheProcess kills a process that holds an engine. It is the
// child itself when holderEnv names the interface.
func TestXDPGoesWithTheProcess(t *testing.T) {
	const holderEnv = "NETRAW_TEST_XDP_HOLDER"
	if ifname := os.Getenv(holderEnv); ifname != "" {
		must1(OpenXDP(&Config{Interface: ifname}, synTemplates(t), XDPCookie{Attempts: 1, Flags: craft.SYN}))
		fmt.Println("holding")
		time.Sleep(time.Minute)
	}
	p := newPeer(t)
	internet(t, p, lab.World{})
	openXDP(t, p, Config{}).Close()
	if attached(p.here) {
		t.Fatal("a program is left after Close")
	}
	child := exec.Command("/proc/self/exe", "-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), holderEnv+"="+p.here)
	out := must1(child.StdoutPipe())
	must(child.Start())
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil || !strings.Contains(string(line[:n]), "holding") || !attached(p.here) {
		t.Fatalf("the child said %q, %v; attached: %v", line[:n], err, attached(p.here))
	}
	must(child.Process.Kill())
	child.Wait()
	eventually(t, "the program to go", func() bool { return !attached(p.here) })
}

func attached(ifname string) bool {
	xdp := must1(netlink.LinkByName(ifname)).Attrs().Xdp
	return xdp != nil && xdp.Attached
}
