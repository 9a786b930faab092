package netraw

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// Both versions mixed leave in the order given, over more than one batch.
func TestSendOrder(t *testing.T) {
	p := newPeer(t)
	c := open(t, &Config{WatchOutgoing: true, Interface: p.here})
	dst := []netip.Addr{peer4, peer4, peer6, peer4, peer6, peer6, peer6}
	src := map[netip.Addr]netip.Addr{peer4: our4, peer6: our6}

	const n = 3*sendBatch + 5
	var batch [][]byte
	for i := range n {
		to := dst[i%len(dst)]
		if i > 2*sendBatch {
			to = peer6 // a run longer than one call takes
		}
		batch = append(batch, segment(netip.AddrPortFrom(src[to], c.Ports()[0]), netip.AddrPortFrom(to, 9), flagSYN, uint32(i), 0))
	}
	if sent, err := c.Send(batch); sent != n || err != nil {
		t.Fatalf("Send: %d, %v", sent, err)
	}
	next := uint32(0)
	for _, pkt := range gatherAll(t, c, 100*time.Millisecond, nth(n, isOutgoing)) {
		if !pkt.Outgoing {
			continue
		}
		if got := binary.BigEndian.Uint32(tcpHeader(pkt.Data)[4:]); got != next {
			t.Fatalf("packet %d left as number %d", got, next)
		}
		next++
	}
	if next != n || c.Stats().Sent != n {
		t.Errorf("%d left, Stats %+v; want %d", next, c.Stats(), n)
	}
}

// Each error concerns the packet at the returned index, and the rest of the
// batch can be sent after it.
func TestSendErrors(t *testing.T) {
	p := newPeer(t)
	prohibited := netlink.Route{Dst: ipNet("203.0.113.0/24"), Type: unix.RTN_PROHIBIT}
	must(netlink.RouteAdd(&prohibited))
	t.Cleanup(func() { must(netlink.RouteDel(&prohibited)) })
	c := open(t, nil)
	ok := segment(netip.AddrPortFrom(lo4, c.Ports()[0]), netip.AddrPortFrom(lo4, 9), flagSYN, 1, 0)
	to := func(addr string) []byte {
		dst := netip.MustParseAddr(addr)
		src := map[bool]netip.Addr{true: our4, false: our6}[dst.Is4()]
		return segment(netip.AddrPortFrom(src, c.Ports()[0]), netip.AddrPortFrom(dst, 9), flagSYN, 1, 0)
	}
	for name, tc := range map[string]struct {
		bad  []byte
		want error
	}{
		"no IPv4 route":  {to("198.51.100.1"), unix.ENETUNREACH},
		"no IPv6 route":  {to("2001:db8:77::1"), unix.ENETUNREACH},
		"prohibited":     {to("203.0.113.1"), unix.EACCES},
		"too large":      {append(to(peer4.String()), make([]byte, 1500)...), unix.EMSGSIZE},
		"empty":          {nil, ErrPacket},
		"short IPv6":     {to("2001:db8::2")[:39], ErrPacket},
		"version 5":      {patch8(to(peer4.String()), 0, 0x55), ErrPacket},
		"link-local":     {to("fe80::2"), ErrNoInterface},
		"broken for EOF": {[]byte{0x45}, ErrPacket},
	} {
		before := c.Stats()
		batch := [][]byte{ok, ok, tc.bad, ok}
		n, err := c.Send(batch)
		if n != 2 || !errors.Is(err, tc.want) || !errors.As(err, new(*net.OpError)) {
			t.Errorf("%s: Send: %d, %v; want 2, %v", name, n, err, tc.want)
		}
		if n, err := c.Send(batch[3:]); n != 1 || err != nil {
			t.Errorf("%s: sending the rest: %d, %v", name, n, err)
		}
		after := c.Stats()
		if after.Sent-before.Sent != 3 || after.SendErrors-before.SendErrors != 1 {
			t.Errorf("%s: before %+v, after %+v; want 3 sent, 1 error", name, before, after)
		}
	}
	bound := open(t, &Config{Interface: p.here})
	link, err := netlink.LinkByName(p.here)
	must(err)
	must(netlink.LinkSetDown(link))
	if n, err := bound.Send([][]byte{to(peer4.String())}); n != 0 || !(errors.Is(err, unix.ENETDOWN) || errors.Is(err, unix.ENETUNREACH)) {
		t.Errorf("interface down: %d, %v", n, err)
	}
}

func ipNet(s string) *net.IPNet {
	_, n, err := net.ParseCIDR(s)
	must(err)
	return n
}

// Packets for a neighbour whose address is being resolved are kept, so that
// the socket's buffer fills up: Send waits, and goes on when there is room.
func TestSendWaitsForRoom(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	c := open(t, nil)
	must(c.out.v4.raw.Control(func(fd uintptr) {
		must(unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 1))
	}))
	absent := netip.MustParseAddr("192.0.2.77")
	syn := segment(netip.AddrPortFrom(our4, c.Ports()[0]), netip.AddrPortFrom(absent, 80), flagSYN, 1, 0)
	batch := make([][]byte, 100)
	for i := range batch {
		batch[i] = syn
	}

	start := time.Now()
	stuck, err := c.Send(batch)
	if stuck == len(batch) || !errors.Is(err, unix.EAGAIN) || time.Since(start) < sendPatience {
		t.Fatalf("Send: %d, %v after %v; want EAGAIN after %v", stuck, err, time.Since(start), sendPatience)
	}
	if got := c.Stats(); got.SendRetries == 0 || got.SendErrors != 1 {
		t.Errorf("Stats: %+v", got)
	}

	before := c.Stats().SendRetries
	time.AfterFunc(sendPatience/2, func() {
		must(netlink.NeighSet(&netlink.Neigh{LinkIndex: p.hereIndex, State: netlink.NUD_PERMANENT,
			IP: absent.AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 77}}))
	})
	if n, err := c.Send(batch); n != len(batch) || err != nil {
		t.Errorf("with an address meanwhile: %d, %v", n, err)
	}
	if after := c.Stats().SendRetries; after == before {
		t.Error("the wait was not counted")
	}
}

// An interface whose queue holds one packet and empties slowly: Send backs
// off and everything leaves in the end.
func TestSendBacksOff(t *testing.T) {
	p := newPeer(t)
	link, err := netlink.LinkByName(p.here)
	must(err)
	c := open(t, nil)
	slow := &netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       200_000, Limit: 200, Buffer: netlink.Xmittime(200_000, 2000),
	}
	if err := netlink.QdiscAdd(slow); err != nil {
		skip(t, "no token bucket: "+err.Error())
	}
	batch := make([][]byte, 300)
	for i := range batch {
		batch[i] = segment(netip.AddrPortFrom(our4, c.Ports()[0]), netip.AddrPortFrom(peer4, 9), flagSYN, uint32(i), 0)
	}
	if n, err := c.Send(batch); n != len(batch) || err != nil {
		t.Errorf("Send: %d, %v", n, err)
	}
	arrived := 0
	for _, pkt := range gatherAll(t, c, 200*time.Millisecond, nth(len(batch), isRefusal)) {
		if isRefusal(pkt) {
			arrived++
		}
	}
	if got := c.Stats(); got.SendRetries == 0 || got.SendErrors != 0 || arrived != len(batch) {
		t.Errorf("%d of %d were answered, %+v", arrived, len(batch), got)
	}
}

// A queue that never empties is reported in bounded time.
func TestSendGivesUp(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	link, err := netlink.LinkByName(p.here)
	must(err)
	c := open(t, nil)
	stuck := &netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       20, Limit: 200, Buffer: netlink.Xmittime(20, 2000),
	}
	if err := netlink.QdiscAdd(stuck); err != nil {
		skip(t, "no token bucket: "+err.Error())
	}
	batch := make([][]byte, 300)
	for i := range batch {
		batch[i] = segment(netip.AddrPortFrom(our4, c.Ports()[0]), netip.AddrPortFrom(peer4, 9), flagSYN, uint32(i), 0)
	}
	start := time.Now()
	n, err := c.Send(batch)
	if took := time.Since(start); n == len(batch) || !errors.Is(err, unix.ENOBUFS) || took < sendPatience {
		t.Errorf("Send: %d, %v after %v; want ENOBUFS after about %v", n, err, took, sendPatience)
	}
	waits := c.Stats().SendRetries
	if n, err := c.Send(batch); n > 0 || !errors.Is(err, unix.ENOBUFS) || c.Stats().SendRetries != waits {
		t.Errorf("Send into a queue that is stuck: %d, %v, %d more waits", n, err, c.Stats().SendRetries-waits)
	}
}

// A policy route by source address holds for what is sent, as Route says, by the
// address that the packet has, whether or not the socket is bound to it.
func TestSendFollowsSource(t *testing.T) {
	newPeer(t)
	index := secondLink(t, "other1", "203.0.113.1/32", 1500)
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("192.0.2.0/24"), LinkIndex: index, Table: 78}))
	rule := netlink.NewRule()
	rule.Src, rule.Table, rule.Priority = ipNet("203.0.113.1/32"), 78, 100
	must(netlink.RuleAdd(rule))
	t.Cleanup(func() { must(netlink.RuleDel(rule)) })
	must(netlink.NeighSet(&netlink.Neigh{LinkIndex: index, State: netlink.NUD_PERMANENT,
		IP: peer4.AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}))

	other := netip.MustParseAddr("203.0.113.1")
	for _, bound := range []netip.Addr{other, {}} {
		c := open(t, &Config{Source: bound, WatchOutgoing: true})
		if bound.IsValid() {
			route, err := c.Route(peer4)
			must(err)
			if route.IfIndex != index {
				t.Errorf("the route says interface %d, want %d", route.IfIndex, index)
			}
		}
		if got := leaves(t, c, segment(netip.AddrPortFrom(other, c.Ports()[0]), netip.AddrPortFrom(peer4, 9), flagSYN, 7, 0), 0); got != index {
			t.Errorf("bound to %v it left through %d, want %d", bound, got, index)
		}
	}
}

// leaves sends a packet and returns the interface through which it left.
func leaves(t *testing.T, c *Conn, pkt []byte, via int) int {
	t.Helper()
	c.SendEach([][]byte{pkt}, []int{via}, func(_ int, err error) { t.Fatal(err) })
	seen := await(t, c, isOutgoing)
	left := slices.IndexFunc(seen, isOutgoing)
	if left < 0 {
		t.Fatal("nothing left")
	}
	return seen[left].IfIndex
}

// One goroutine waits in Recv while others send; for the race detector.
func TestConcurrentUse(t *testing.T) {
	c := open(t, nil)
	done := make(chan error)
	for range 4 {
		go func() {
			for range 50 {
				sendSYN(t, c, lo4, 9)
				c.Stats()
				if _, err := c.Route(lo4); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	must(c.SetReadDeadline(time.Now().Add(time.Minute)))
	pkts := make([]Packet, 16)
	for got := 0; got < 200; {
		n, err := c.Recv(pkts)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("only %d replies", got)
		}
		must(err)
		got += n
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// What waits for a neighbour that is not there delays nobody else: more packets
// than an ordinary buffer holds leave it room for another's.
func TestSendEachPastADeadNeighbour(t *testing.T) {
	newPeer(t)
	c := open(t, nil)
	dead := netip.MustParseAddr("192.0.2.200")
	var batch [][]byte
	for i := range 4000 {
		to := dead
		if i%100 == 99 {
			to = peer4
		}
		batch = append(batch, segment(netip.AddrPortFrom(our4, c.Ports()[0]), netip.AddrPortFrom(to, 9), flagSYN, uint32(i), 0))
	}
	refused := map[int]error{}
	sent := c.SendEach(batch, nil, func(i int, err error) { refused[i] = err })
	if sent+len(refused) != len(batch) {
		t.Errorf("%d sent, %d refused, of %d", sent, len(refused), len(batch))
	}
	for i, err := range refused {
		if i%100 == 99 {
			t.Fatalf("packet %d for the living neighbour: %v", i, err)
		}
		if !errors.Is(err, ErrSendDelayed) {
			t.Fatalf("packet %d: %v, want ErrSendDelayed", i, err)
		}
	}
	back := await(t, c, nth(len(batch)/100, anyPacket))
	if len(back) != len(batch)/100 {
		t.Errorf("%d answers of the living neighbour, want %d", len(back), len(batch)/100)
	}
}

// A full buffer refuses at once, naming each packet.
func TestSendEachFullBuffer(t *testing.T) {
	newPeer(t)
	c := open(t, nil)
	must(c.out.v4.withFD(func(fd int) error {
		return option{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, 4096}.set(fd)
	}))
	var batch [][]byte
	for i := range 300 {
		batch = append(batch, segment(netip.AddrPortFrom(our4, c.Ports()[0]), netip.MustParseAddrPort("192.0.2.200:9"), flagSYN, uint32(i), 0))
		batch = append(batch, segment(netip.AddrPortFrom(our6, c.Ports()[0]), netip.AddrPortFrom(peer6, 9), flagSYN, uint32(i), 0))
	}
	var refused []int
	sent := c.SendEach(batch, nil, func(i int, err error) {
		if !errors.Is(err, ErrSendDelayed) || !errors.Is(err, unix.EAGAIN) {
			t.Fatalf("packet %d: %v", i, err)
		}
		refused = append(refused, i)
	})
	if len(refused) < 100 || sent+len(refused) != len(batch) {
		t.Errorf("%d sent, %d refused", sent, len(refused))
	}
	for k, i := range refused {
		if i%2 == 1 {
			t.Errorf("packet %d was refused for the other socket's sake", i)
		}
		if k > 0 && i <= refused[k-1] {
			t.Errorf("%d was told after %d", i, refused[k-1])
		}
	}
	if s := c.Stats(); s.SendRetries != 0 || s.SendErrors != uint64(len(refused)) || s.Sent != uint64(sent) {
		t.Errorf("%+v", s)
	}
}

// A full neighbour table is a delay.
func TestSendDelayedByAFullTable(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EINVAL, unix.ENOBUFS, unix.EAGAIN, unix.ENOMEM} {
		if err := sendReason(errno); !errors.Is(err, ErrSendDelayed) || !errors.Is(err, errno) {
			t.Errorf("%v: %v", errno, err)
		}
	}
}

// Of an output rule only the lasting kind is a firewall; one with a limit delays.
func TestSendRefusedByAFirewall(t *testing.T) {
	newPeer(t)
	c := open(t, nil)
	packet := func(port uint16) []byte {
		return segment(netip.AddrPortFrom(our4, c.Ports()[0]), netip.AddrPortFrom(peer4, port), flagSYN, 1, 0)
	}
	remove := outputRule(t, 80)
	var first error
	c.SendEach([][]byte{packet(80), packet(81)}, nil, func(i int, err error) {
		if i != 0 {
			t.Errorf("packet %d: %v", i, err)
		}
		first = err
	})
	if !errors.Is(first, ErrSendDelayed) || errors.Is(first, ErrLocalFirewall) || !errors.Is(first, unix.EPERM) {
		t.Errorf("the first time: %v", first)
	}
	var last error
	eventually(t, "the refusals to be a firewall's", func() bool {
		_, last = c.Send([][]byte{packet(80)})
		return errors.Is(last, ErrLocalFirewall)
	})
	if !errors.Is(last, unix.EPERM) || errors.Is(last, ErrSendDelayed) {
		t.Errorf("in the end: %v", last)
	}
	remove()
	if _, err := c.Send([][]byte{packet(80)}); err != nil {
		t.Errorf("without the rule: %v", err)
	}
	outputRule(t, 80)
	if _, err := c.Send([][]byte{packet(80)}); !errors.Is(err, ErrSendDelayed) {
		t.Errorf("the first time after one has left: %v", err)
	}
}

func TestSendThroughADownInterface(t *testing.T) {
	p := newPeer(t)
	c := open(t, &Config{Interface: p.here})
	link, err := netlink.LinkByName(p.here)
	must(err)
	must(netlink.LinkSetDown(link))
	_, err = c.Send([][]byte{segment(netip.AddrPortFrom(our4, c.Ports()[0]), netip.AddrPortFrom(peer4, 9), flagSYN, 1, 0)})
	if !errors.Is(err, ErrInterfaceDown) && !errors.Is(err, ErrNoRoute) {
		t.Errorf("%v", err)
	}
}

// outputRule makes this namespace's firewall drop what goes to a TCP port, and
// returns what removes the rule.
func outputRule(t *testing.T, port uint16) func() {
	t.Helper()
	remove, err := lab.RestrictOutput(lab.Rule{Ports: lab.Port(port), Do: lab.Drop})
	if err != nil {
		t.Fatal(err)
	}
	once := sync.OnceFunc(func() { must(remove()) })
	t.Cleanup(once)
	return once
}

// A link-local source is taken for a destination of any scope, as the kernel's route gives
// it where an interface has no other address.
func TestSendFromLinkLocal(t *testing.T) {
	p := newPeer(t)
	c := open(t, nil)
	syn := segment(netip.AddrPortFrom(p.hereLL, c.Ports()[0]), netip.AddrPortFrom(peer6, 9), flagSYN, 7, 0)
	if n, err := c.Send([][]byte{syn}); n != 1 || err != nil {
		t.Fatalf("Send: %d, %v", n, err)
	}
	if got := gatherAll(t, c, 200*time.Millisecond, anyPacket); len(got) != 1 || sourceOf(got[0].Data).Addr() != peer6 {
		t.Errorf("%d answers", len(got))
	}
}
