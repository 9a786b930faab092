package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// passages are the packets that went by, as the network itself saw them.
type passages struct {
	mu  sync.Mutex
	all []string
}

func passage(out bool, at time.Time, data []byte) string {
	return fmt.Sprintf("%v %d %x", out, at.UnixNano(), data)
}

func (p *passages) observe(e simnet.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Dir == simnet.Out && e.Fate != simnet.Duplicated || e.Dir == simnet.In && e.Fate == simnet.Passed {
		p.all = append(p.all, passage(e.Dir == simnet.Out, e.Time, e.Data))
	}
}

// judging passes verdicts to a recorder.
type judging struct {
	r     *Recorder
	found map[netip.AddrPort]string
}

func (j *judging) Port(v probe.Verdict) error {
	j.r.Verdict(&v)
	j.found[v.Target] = Comment(&v)
	return nil
}

func (*judging) Host(probe.HostReport) error { return nil }

// TestRecorderKeepsTheRun records scans in which ports answer in every way, and
// compares the file with what the network saw, and each comment with the
// verdict.
func TestRecorderKeepsTheRun(t *testing.T) {
	for _, watch := range []bool{false, true} {
		t.Run(fmt.Sprintf("watch=%v", watch), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { recordScan(t, watch) })
		})
	}
}

func recordScan(t *testing.T, watch bool) {
	seen := &passages{}
	n := simnet.New(simnet.Config{
		Seed: 7, Observe: seen.observe,
		Out: simnet.Path{Delay: 3 * time.Millisecond, Loss: 0.1}, Back: simnet.Path{Delay: 2 * time.Millisecond},
		SendError: func(pkt []byte) error {
			if pkt[23] == 81 { // the last byte of the destination port
				return syscall.EPERM
			}
			return nil
		},
	})
	n.Handle(netip.MustParsePrefix("198.51.100.0/24"), simnet.Mux{
		Ports: map[uint16]simnet.Host{80: &simnet.Listener{}, 82: simnet.Dropped{}},
	})
	var options []simnet.Option
	if watch {
		options = append(options, simnet.WatchOutgoing())
	}
	conn := n.Conn(5, options...)
	defer conn.Close()
	var file bytes.Buffer
	w := newWriter(t, &file, "test", "")
	r := NewRecorder(conn, w, time.Now)
	sink := &judging{r, map[netip.AddrPort]string{}}
	if _, err := scan.Run(context.Background(), r, scan.Config{Targets: ports(79, 80, 81, 82, 83)}, sink); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	compare(t, file.Bytes(), seen, sink)
}

func ports(list ...uint16) func(func(netip.AddrPort) bool) {
	return func(yield func(netip.AddrPort) bool) {
		for host := range byte(40) {
			for _, p := range list {
				if !yield(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, host}), p)) {
					return
				}
			}
		}
	}
}

func compare(t *testing.T, file []byte, seen *passages, sink *judging) {
	t.Helper()
	packets, _, err := readAll(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	last := time.Time{}
	for _, p := range packets {
		got = append(got, passage(p.Direction == Outbound, p.Time, p.Data))
		if p.Time.Before(last) {
			t.Errorf("packet %d is of %v, after one of %v", p.Number, p.Time, last)
		}
		last = p.Time
		h := held{packet: p}
		if err := h.identify(); err != nil {
			t.Fatal(err)
		}
		// A port that has answered may be asked whether its host still does.
		if want := sink.found[h.target]; strings.TrimPrefix(p.Comment, "after the verdict: ") != want || want == "" {
			t.Errorf("packet %d, target %v: comment %q, verdict %q", p.Number, h.target, p.Comment, want)
		}
	}
	slices.Sort(got)
	slices.Sort(seen.all)
	if !slices.Equal(got, seen.all) {
		t.Errorf("%d packets in the file, %d on the network", len(got), len(seen.all))
	}
	for _, words := range []string{"open (syn-ack)", "refused (reset)", "filtered (no-response)"} {
		if !bytes.Contains(file, []byte(words)) {
			t.Errorf("no comment has %q", words)
		}
	}
}

// quiet is a network on which a test decides what passes.
type quiet struct {
	probe.Polled
	answers []netraw.Packet
	refuse  int // the packet of a batch that is refused; -1 none
}

func (q *quiet) Stats() netraw.Stats { return netraw.Stats{KernelDrops: 3} }

func (q *quiet) Send(pkts [][]byte) (int, error) {
	if q.refuse >= 0 && q.refuse < len(pkts) {
		return q.refuse, syscall.EPERM
	}
	return len(pkts), nil
}

func (q *quiet) Recv(pkts []netraw.Packet) (int, error) {
	n := copy(pkts, q.answers)
	q.answers = q.answers[n:]
	return n, nil
}

func TestRecorderByHand(t *testing.T) {
	at := time.Unix(100, 0)
	local, far := "192.0.2.1:40000", "192.0.2.2:80"
	syn := segment(t, local, far, 1000, craft.SYN)
	synAck := segment(t, far, local, 5000, craft.SYN|craft.ACK)
	rst := segment(t, local, far, 1001, craft.RST)
	network := &quiet{refuse: -1, answers: []netraw.Packet{
		{Data: syn, Time: at.Add(2 * time.Microsecond), Outgoing: true},
		{Data: syn, DeviceTime: at.Add(3 * time.Microsecond), Outgoing: true}, // no packet of its own
		{Data: synAck, Time: at.Add(9 * time.Microsecond)},
		{Data: []byte{0x45, 0}, Time: at.Add(10 * time.Microsecond)},
	}}
	var file bytes.Buffer
	w := newWriter(t, &file, "test", "")
	r := NewRecorder(network, w, func() time.Time { return at })
	target := netip.MustParseAddrPort(far)
	pkts := make([]netraw.Packet, 4)
	send(t, r, syn)
	r.Recv(pkts)
	r.Judge(target, "open")
	send(t, r, rst)
	send(t, r, syn)
	network.refuse = 1
	if n, err := r.Send([][]byte{syn, rst}); n != 1 || !errors.Is(err, syscall.EPERM) {
		t.Fatalf("sent %d, %v", n, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	packets, reader, err := readAll(file.Bytes())
	if err != nil || reader.Dropped() != 3 {
		t.Fatalf("%d dropped, %v", reader.Dropped(), err)
	}
	var got []string
	for _, p := range packets {
		got = append(got, fmt.Sprintf("%d %d %s", p.Time.Sub(at).Microseconds(), p.Direction, p.Comment))
	}
	want := []string{
		"0 2 open", // the RST, which has no stamp of its own
		"0 2 after the verdict: open", "0 2 after the verdict: open",
		"2 2 open", "9 1 open", "10 1 not a segment of this run: packet truncated",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestRecorderBesideABridge: two interfaces have each own packet, one of the two first, and the file has it once,
// with the later stamp. The same SYN once more is another packet.
func TestRecorderBesideABridge(t *testing.T) {
	at := time.Unix(100, 0)
	syn := segment(t, "192.0.2.1:40000", "192.0.2.2:80", 1000, craft.SYN)
	rst := segment(t, "192.0.2.1:40000", "192.0.2.2:80", 7, craft.RST) // the kernel's, which nobody handed over
	network := &quiet{refuse: -1}
	var file bytes.Buffer
	w := newWriter(t, &file, "test", "")
	r := NewRecorder(network, w, func() time.Time { return at })
	for range 2 {
		send(t, r, syn)
		for i, b := range [][]byte{syn, syn, rst, rst} {
			network.answers = append(network.answers, netraw.Packet{Data: b, Time: at.Add(time.Duration(i) * time.Microsecond), Outgoing: true, IfIndex: 4 - i%2})
		}
		r.Recv(make([]netraw.Packet, 8))
		at = at.Add(time.Second)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	packets, _, err := readAll(file.Bytes())
	var got []time.Duration
	for _, p := range packets {
		got = append(got, p.Time.Sub(time.Unix(100, 0)))
	}
	if want := []time.Duration{1000, 3000, 1000001000, 1000003000}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, want %v: %v", got, want, err)
	}
}

func send(t *testing.T, r *Recorder, pkt []byte) {
	t.Helper()
	if n, err := r.Send([][]byte{pkt}); n != 1 || err != nil {
		t.Fatalf("sent %d, %v", n, err)
	}
}

// TestRecorderBoundsWaiting sends more than may wait: the oldest are written
// without a verdict, and nothing is lost.
func TestRecorderBoundsWaiting(t *testing.T) {
	var file bytes.Buffer
	w := newWriter(t, &file, "test", "")
	now := time.Unix(100, 0)
	r := NewRecorder(&quiet{refuse: -1}, w, func() time.Time { now = now.Add(time.Microsecond); return now })
	syn := syn4(t)
	batch := make([][]byte, 64)
	for i := range batch {
		batch[i] = syn
	}
	total := 0
	for ; total < 3*maxWaiting/2; total += len(batch) {
		if _, err := r.Send(batch); err != nil {
			t.Fatal(err)
		}
		if len(r.waiting) > maxWaiting+len(batch) {
			t.Fatalf("%d packets wait", len(r.waiting))
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if len(r.byTarget) != 0 {
		t.Errorf("%d targets are kept", len(r.byTarget))
	}
	if packets, _, err := readAll(file.Bytes()); err != nil || len(packets) != total {
		t.Errorf("%d packets of %d, %v", len(packets), total, err)
	}
}

// TestRecorderWaitsNoLonger: what has no verdict is written after a minute, or
// when too much of it waits, so that the file grows with the run.
func TestRecorderWaitsNoLonger(t *testing.T) {
	for name, tt := range map[string]struct {
		packets int
		size    int
		pause   time.Duration
	}{
		"too long": {2, 0, maxDelay + time.Second},
		"too much": {maxWaitingBytes/60000 + 64, 60000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var file bytes.Buffer
			w := newWriter(t, &file, "test", "")
			now := time.Unix(100, 0)
			r := NewRecorder(&quiet{refuse: -1}, w, func() time.Time { now = now.Add(time.Microsecond); return now })
			big := append(syn4(t), make([]byte, tt.size)...)
			for range tt.packets {
				if _, err := r.Send([][]byte{big}); err != nil {
					t.Fatal(err)
				}
				now = now.Add(tt.pause)
			}
			if packets, _, err := readAll(file.Bytes()); err != nil || len(packets) == 0 || len(packets) >= tt.packets {
				t.Errorf("%d packets of %d written, %v", len(packets), tt.packets, err)
			}
			if r.bytes > maxWaitingBytes {
				t.Errorf("%d bytes wait", r.bytes)
			}
			r.Close()
			if packets, _, err := readAll(file.Bytes()); err != nil || len(packets) != tt.packets || r.bytes != 0 {
				t.Errorf("%d packets of %d in the end, %d bytes left, %v", len(packets), tt.packets, r.bytes, err)
			}
		})
	}
}
