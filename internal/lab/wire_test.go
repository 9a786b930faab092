//go:build linux

package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// datagrams sends n numbered UDP datagrams to a host, no faster than its receiver
// reads them, and returns the numbers in the order in which they came, once the link
// has accounted for each.
func datagrams(t *testing.T, h *Host, n int) []uint32 {
	t.Helper()
	var in net.PacketConn
	err := h.Do(func() (err error) {
		in, err = net.ListenPacket("udp4", netip.AddrPortFrom(h.Addr4(), 5000).String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var read atomic.Uint64
	got := make(chan []uint32)
	go func() {
		var list []uint32
		buf := make([]byte, 64)
		for {
			if _, _, err := in.ReadFrom(buf); err != nil {
				got <- list
				return
			}
			list = append(list, binary.BigEndian.Uint32(buf))
			read.Add(1)
		}
	}()
	out, err := net.Dial("udp4", netip.AddrPortFrom(h.Addr4(), 5000).String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	settledBefore, passedBefore := udpOn(h)
	settled := func(sent int) bool {
		settled, passed := udpOn(h)
		return settled-settledBefore >= sent && int(read.Load()) >= passed-passedBefore
	}
	for i := range uint32(n) {
		if _, err := out.Write(binary.BigEndian.AppendUint32(nil, i)); err != nil {
			t.Fatal(err)
		}
		if i%64 == 63 {
			await(t, func() bool { return settled(int(i) - 63) })
		}
	}
	await(t, func() bool { return settled(n) })
	in.SetReadDeadline(time.Now())
	return <-got
}

// udpOn counts the datagrams of a host's link that are settled, and how many copies
// of them reached the host.
func udpOn(h *Host) (settled, passed int) {
	for _, r := range h.Wire().Records() {
		if r.Direction != Outward || !isUDP(r) {
			continue
		}
		if r.Outcome != Duplicated {
			settled++
		}
		if !r.Out.IsZero() {
			passed++
		}
	}
	return settled, passed
}

func isUDP(r PacketRecord) bool { return r.Head[0]>>4 == 4 && r.Head[9] == unix.IPPROTO_UDP }

// await waits for what must come; the minute ends a test that hangs.
func await(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
}

func TestWireDelay(t *testing.T) {
	const delay = 20 * time.Millisecond
	h := build(t, HostSpec{Services: http(), Link: &Link{Out: Path{Delay: delay / 2}, Back: Path{Delay: delay / 2}}})
	for _, a := range both(h) {
		for range 20 {
			start := time.Now()
			conn := mustDial(t, a, 80)
			if took := time.Since(start); took < delay {
				t.Errorf("%s: handshake took %v, want at least %v", a, took, delay)
			}
			conn.Close()
		}
	}
	records := h.Wire().Records()
	if len(records) < 2*2*20 { // a SYN and its answer, by both versions of IP
		t.Errorf("the link has seen %d packets", len(records))
	}
	var late []time.Duration
	for _, r := range records {
		late = append(late, r.Out.Sub(r.Due))
		// It leaves no earlier than the one before it, whose age may have been read a little otherwise.
		if waits := r.Due.Sub(r.In); r.Outcome != Forwarded || waits < delay/2 || waits > delay/2+10*time.Millisecond {
			t.Errorf("%+v: want forwarded, due after %v", r, delay/2)
		}
		if r.Out.Before(r.Due) {
			t.Errorf("left %v early", r.Due.Sub(r.Out))
		}
	}
	if slices.Sort(late); len(late) > 0 {
		t.Logf("%d packets left late by %v in the median, %v at most", len(late), late[len(late)/2], late[len(late)-1])
	}
}

func TestWireLossIsBinomial(t *testing.T) {
	const n, loss = 2000, 0.2
	h := build(t, HostSpec{Link: &Link{Out: Path{Loss: loss}}})
	came := datagrams(t, h, n)
	w := h.Wire()
	lost := w.Count(Outward, Lost)
	if got := lost + uint64(len(came)); got != n {
		t.Errorf("lost %d, arrived %d of %d", lost, len(came), n)
	}
	if drops, err := w.KernelDrops(); drops != 0 || err != nil {
		t.Errorf("kernel drops %d, %v", drops, err)
	}
	sigma := math.Sqrt(n * loss * (1 - loss))
	t.Logf("lost %d of %d, expected %.0f, sigma %.1f", lost, n, n*loss, sigma)
	if math.Abs(float64(lost)-n*loss) > 4*sigma {
		t.Error("not binomial")
	}
}

// A seed decides which packets are lost, in order of arrival, whatever else the
// path does to them.
func TestLossRepeats(t *testing.T) {
	run := func(seed uint64, path Path) (lost []byte) {
		ledger := newLedger(Link{})
		l := newSimplex(Outward, nil, nil, path, false, ledger, seed)
		frame := make([]byte, netHeader+40)
		frame[etherType] = unix.ETH_P_IP >> 8
		for i := range byte(200) {
			frame[netHeader] = i
			l.admit(frame, time.Now(), time.Now())
		}
		for _, r := range ledger.records() {
			lost = append(lost, r.Head[0])
		}
		return lost
	}
	first := run(1, Path{Loss: 0.3})
	if again := run(1, Path{Loss: 0.3, Jitter: time.Second, Duplicate: 0.5, Reorder: 0.5}); !slices.Equal(first, again) {
		t.Errorf("lost %d, then %d", first, again)
	}
	if other := run(2, Path{Loss: 0.3}); slices.Equal(first, other) {
		t.Error("another seed lost the same packets")
	}
}

func TestWireKeepsOrderUnderJitter(t *testing.T) {
	h := build(t, HostSpec{Link: &Link{Out: Path{Delay: 2 * time.Millisecond, Jitter: 2 * time.Millisecond}}})
	defer onOneProcessor(t)()
	came := datagrams(t, h, 500)
	var left []uint32
	arrived := time.Time{}
	for _, r := range h.Wire().Records() {
		if r.Direction == Outward {
			left = append(left, binary.BigEndian.Uint32(r.Head[28:]))
			// Two processors that take what arrives out of the queues may stamp out of order, by little.
			if r.In.Before(arrived.Add(-time.Millisecond)) {
				t.Errorf("datagram %d overtook another", left[len(left)-1])
			}
			arrived = r.In
		}
	}
	if len(came) != 500 || !slices.Equal(came, left) {
		t.Errorf("%d came, in the order of leaving: %v", len(came), slices.Equal(came, left))
	}
}

// onOneProcessor keeps the caller on one processor: what two of them send
// may overtake each other before it reaches the link.
func onOneProcessor(t *testing.T) (free func()) {
	t.Helper()
	runtime.LockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	return func() {
		unix.SchedSetaffinity(0, &all)
		runtime.UnlockOSThread()
	}
}

func TestWireReordersAndDuplicates(t *testing.T) {
	h := build(t, HostSpec{Link: &Link{Out: Path{Reorder: 0.1, ReorderBy: 5 * time.Millisecond, Duplicate: 0.1}}})
	came := datagrams(t, h, 1000)
	w := h.Wire()
	reordered, duplicated := w.Count(Outward, Reordered), w.Count(Outward, Duplicated)
	t.Logf("%d reordered, %d duplicated", reordered, duplicated)
	if uint64(len(came)) != 1000+duplicated || duplicated < 60 || duplicated > 140 {
		t.Errorf("%d came, %d duplicated", len(came), duplicated)
	}
	if slices.IsSorted(came) || reordered < 60 || reordered > 140 {
		t.Errorf("sorted %v, %d reordered", slices.IsSorted(came), reordered)
	}
}

// A link with room for so many drops what comes while it is full.
func TestLimit(t *testing.T) {
	log := newLedger(Link{})
	l := newSimplex(Outward, nil, nil, Path{Delay: time.Second, Limit: 10}, false, log, 1)
	frame := make([]byte, netHeader+40)
	frame[etherType] = unix.ETH_P_IP >> 8
	now := time.Now()
	for range 50 {
		l.admit(frame, now, now)
	}
	if n := log.counts[Outward][Overflowed].Load(); l.queue.len() != 10 || n != 40 {
		t.Errorf("%d are on a link with room for 10, %d overflowed", l.queue.len(), n)
	}
}

func TestWireLimitAndChange(t *testing.T) {
	h := build(t, HostSpec{Link: &Link{Out: Path{Delay: 100 * time.Millisecond, Limit: 10}}})
	came, overflowed := datagrams(t, h, 50), h.Wire().Count(Outward, Overflowed)
	others := 0 // such as a kernel's own for multicast groups
	for _, r := range h.Wire().Records() {
		if !isUDP(r) {
			others++
		}
	}
	if len(came)+others < 10 || uint64(len(came))+overflowed != 50 {
		t.Errorf("%d came through a link with room for 10, %d overflowed", len(came), overflowed)
	}
	if err := h.Wire().Set(Path{Loss: 1}, Path{}); err != nil {
		t.Fatal(err)
	}
	if came := datagrams(t, h, 50); len(came) != 0 {
		t.Errorf("%d came through a link that loses all", len(came))
	}
	if err := h.Wire().Set(Path{Loss: 2}, Path{}); err == nil {
		t.Error("a loss of 2 was accepted")
	}
}

// Neighbour discovery passes a link that loses everything, or a lossy host would
// look absent; with HarmNeighbours it is lost too.
func TestWireSparesNeighbours(t *testing.T) {
	for _, harm := range []bool{false, true} {
		t.Run(map[bool]string{false: "spared", true: "harmed"}[harm], func(t *testing.T) {
			h := build(t, HostSpec{Link: &Link{Out: Path{Loss: 1}, HarmNeighbours: harm}})
			forget(t, h)
			out, err := net.Dial("udp4", netip.AddrPortFrom(h.Addr4(), 5000).String())
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			out.Write([]byte("a datagram"))
			reached := func() bool { return slices.ContainsFunc(h.Wire().Records(), isUDP) }
			await(t, func() bool { return reached() || harm && len(h.Wire().Records()) > 0 })
			if reached() == harm {
				t.Errorf("harm %v, but the datagram reached the link: %v", harm, !harm)
			}
		})
	}
}

// forget has the prober ask who has the host's address.
func forget(t *testing.T, h *Host) {
	t.Helper()
	list, err := h.prober.nl.NeighList(h.near.Attrs().Index, netlink.FAMILY_V4)
	for i := range list {
		err = errors.Join(err, h.prober.nl.NeighDel(&list[i]))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWireLosesWhatItIsTold(t *testing.T) {
	var seen atomic.Int32
	firstSYN := func(ip []byte) bool {
		return ip[0]>>4 == 4 && ip[9] == 6 && ip[33]&2 != 0 && seen.Add(1) == 1
	}
	var notified atomic.Int32
	h := build(t, HostSpec{Services: http(), Link: &Link{
		Out:      Path{Lose: firstSYN},
		OnPacket: func(PacketRecord) { notified.Add(1) },
	}})
	start := time.Now()
	conn, err := net.DialTimeout("tcp", netip.AddrPortFrom(h.Addr4(), 80).String(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if took := time.Since(start); took < 900*time.Millisecond || seen.Load() < 2 || notified.Load() == 0 {
		t.Errorf("took %v, %d SYNs, %d records: want one retransmission after 1 s", took, seen.Load(), notified.Load())
	}
}

// Segments larger than the MTU and partial checksums survive the wire.
func TestWireCarriesBulk(t *testing.T) {
	h := build(t, HostSpec{Services: http(), Link: &Link{Out: Path{Delay: time.Millisecond}}})
	conn := mustDial(t, h.Addr6(), 80)
	defer conn.Close()
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() {
		conn.Write(sent)
		conn.(*net.TCPConn).CloseWrite()
	}()
	conn.SetDeadline(time.Now().Add(time.Minute))
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes of %d came back, %v", len(got), len(sent), err)
	}
}

func TestSchedule(t *testing.T) {
	var s schedule
	base := time.Unix(0, 0)
	for i := range 100 {
		s.push(&flight{due: base.Add(time.Duration(i*37%10) * time.Second), frame: []byte{byte(i)}})
	}
	last := s.pop()
	for s.len() > 0 {
		next := s.pop()
		if next.due.Before(last.due) || next.due.Equal(last.due) && next.order < last.order {
			t.Fatalf("%v/%d after %v/%d", next.due, next.order, last.due, last.order)
		}
		last = next
	}
	if s.first() != nil {
		t.Error("an empty schedule has a first flight")
	}
}

// BenchmarkForward compares what crosses a wire with what crosses a plain veth.
func BenchmarkForward(b *testing.B) {
	for _, c := range []struct {
		name string
		link *Link
	}{{"veth", nil}, {"wire", &Link{}}, {"wire-1ms", &Link{Out: Path{Delay: time.Millisecond}}}} {
		b.Run(c.name, func(b *testing.B) {
			l, err := New(Spec{Hosts: []HostSpec{{Name: "h", Link: c.link}}})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			forward(b, l.Host("h"))
		})
	}
}

func forward(b *testing.B, h *Host) {
	var in net.PacketConn
	err := h.Do(func() (err error) {
		in, err = net.ListenPacket("udp4", netip.AddrPortFrom(h.Addr4(), 5000).String())
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	out, err := net.ListenPacket("udp4", netip.AddrPortFrom(h.Prober4(), 0).String())
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	batch := make([]ipv4.Message, 64)
	for i := range batch {
		batch[i] = ipv4.Message{Buffers: [][]byte{make([]byte, 18)}, Addr: in.LocalAddr()}
	}
	pc := ipv4.NewPacketConn(out)
	b.ResetTimer()
	for sent := 0; sent < b.N; {
		n, err := pc.WriteBatch(batch[:min(len(batch), b.N-sent)], 0)
		if err != nil && !errors.Is(err, syscall.ENOBUFS) {
			b.Fatal(err)
		}
		sent += max(n, 0)
	}
	if w := h.Wire(); w != nil {
		for deadline := time.Now().Add(5 * time.Second); int(w.Count(Outward, Forwarded)+w.Count(Outward, SendFailed)+w.Count(Outward, Overflowed)) < b.N && time.Now().Before(deadline); {
			if d, _ := w.KernelDrops(); d > 0 {
				b.ReportMetric(float64(d)/float64(b.N), "dropped/op")
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pkts/s")
}
