package flow_test

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"synscope/craft"
)

var figuresFlag = flag.Bool("figures", false, "measure memory and speed on large captures, which takes minutes and 600 MB of disk")

// figure is a large capture, and what it may cost.
type figure struct {
	name    string
	write   func(*frames)
	mebi    int // of memory at most
	packets int // per second of one core at least; 0 is not asked
}

var figures = []figure{
	{"2 million half-open SYNs", halfOpen, 400, 0},
	{"416,666 connections of 12 packets, all open at once", allOpen, 300, 1_000_000},
	{"416,666 connections of 12 packets, 2,000 at a time", oneAfterTheOther, 300, 1_000_000},
	{"a scan of 200,000 ports, 100 ms of answers under way", crowdedScan, 300, 0},
}

// TestFigures measures the program itself, as a process, against its bounds, and
// tshark on the same file where there is one.
func TestFigures(t *testing.T) {
	if !*figuresFlag {
		t.Skip("takes minutes: go test ./probe/flow -run TestFigures -v -args -figures")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "synscope")
	if out, err := exec.Command("go", "build", "-o", program, "synscope").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, f := range figures {
		t.Run(f.name, func(t *testing.T) {
			path := filepath.Join(dir, "figure.pcap")
			w := newFrames(t, path)
			f.write(w)
			w.close()
			took, cpu, rss, last := measure(t, program, "read", "--summary-by", "port", path)
			rate := int(float64(w.count) / cpu.Seconds())
			t.Logf("%d packets, %d MB: %v (%v of processor time, %d packets/s), %d MiB; %s", w.count, w.size>>20, took, cpu, rate, rss, last)
			if rss > f.mebi {
				t.Errorf("%d MiB, want %d at most", rss, f.mebi)
			}
			if rate < f.packets {
				t.Errorf("%d packets/s, want %d at least", rate, f.packets)
			}
			if peer, err := exec.LookPath("tshark"); err == nil {
				theirs, cpu, rss, _ := measure(t, peer, "-n", "-q", "-r", path, "-z", "conv,tcp")
				t.Logf("tshark: %v (%v), %d MiB: %.1f times as long", theirs, cpu, rss, float64(theirs)/float64(took))
			}
		})
	}
}

// measure runs a program on one core; rss is its peak in MiB, last a line of
// what it says at the end.
func measure(t *testing.T, program string, args ...string) (took, cpu time.Duration, rss int, last string) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), "GOMAXPROCS=1"), out, out
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- cmd.Wait() }()
	for err, running := error(nil), true; running; {
		select {
		case err = <-done:
			if running = false; err != nil {
				t.Fatal(err)
			}
		case <-time.After(20 * time.Millisecond):
			rss = max(rss, peak(cmd.Process.Pid))
		}
	}
	took = time.Since(begin)
	said, _ := os.ReadFile(out.Name())
	for line := range strings.Lines(string(said)) {
		if strings.Contains(line, " attempt") {
			last = strings.TrimSpace(line)
		}
	}
	return took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), rss, last
}

// peak is the most memory that a process has had so far, in MiB (proc(5),
// VmHWM). Its resource usage would have this process's own too, from before exec.
func peak(pid int) (mebi int) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if _, after, ok := strings.Cut(string(status), "VmHWM:"); ok {
		fmt.Sscan(after, &mebi)
	}
	return mebi >> 10
}

// frames writes a capture of Ethernet frames with microseconds.
type frames struct {
	t     *testing.T
	file  *os.File
	out   *bufio.Writer
	count int
	size  int

	segment       craft.Segment
	header, frame []byte // to be reused
	zeros         [40]byte
}

func newFrames(t *testing.T, path string) *frames {
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := &frames{t: t, file: file, out: bufio.NewWriterSize(file, 1<<20)}
	header := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	header = append(header, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0)
	w.out.Write(header)
	return w
}

func (w *frames) close() {
	if err := w.out.Flush(); err != nil {
		w.t.Fatal(err)
	}
	w.file.Close()
}

// put writes a segment of connection n at a time in microseconds: from is 0 for
// the client, whose address and port come of n, and 1 for the server.
func (w *frames) put(at, n, from int, flags craft.Flags, seq, ack craft.Seq, payload int) {
	w.segment = craft.Segment{
		Src: clientOf(n), Dst: theServer, TTL: 64, ID: uint16(w.count), DF: true,
		Flags: flags, Seq: seq, Ack: ack, Window: 64240, Payload: w.zeros[:payload],
	}
	if from == 1 {
		w.segment.Src, w.segment.Dst, w.segment.TTL = w.segment.Dst, w.segment.Src, 55
	}
	w.segment.Options, _ = craft.NewOptions(craft.NOP(), craft.NOP(), craft.Timestamps(uint32(at/1000), 0))
	const ethernet = "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00"
	frame, err := w.segment.AppendTo(append(w.frame[:0], ethernet...))
	if err != nil {
		w.t.Fatal(err)
	}
	o := binary.LittleEndian
	header := o.AppendUint32(o.AppendUint32(w.header[:0], uint32(1_700_000_000+at/1_000_000)), uint32(at%1_000_000))
	header = o.AppendUint32(o.AppendUint32(header, uint32(len(frame))), uint32(len(frame)))
	w.out.Write(header)
	w.out.Write(frame)
	w.header, w.frame = header, frame
	w.count++
	w.size += len(header) + len(frame)
}

var theServer = netip.MustParseAddrPort("192.0.2.1:443")

func clientOf(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), uint16(1024+n%50_000))
}

// conversation is a connection of 12 packets: who sends, what, and how far both
// ends have got.
var conversation = [each]struct {
	from, payload  int
	flags          craft.Flags
	client, server uint32
}{
	{flags: fS},
	{from: 1, flags: fSA, client: 1},
	{flags: fA, client: 1, server: 1},
	{flags: fP, client: 1, server: 1, payload: 20},
	{from: 1, flags: fA, client: 21, server: 1},
	{from: 1, flags: fP, client: 21, server: 1, payload: 40},
	{flags: fA, client: 21, server: 41},
	{flags: fP, client: 21, server: 41, payload: 20},
	{from: 1, flags: fP, client: 41, server: 41, payload: 40},
	{flags: fF, client: 41, server: 81},
	{from: 1, flags: fF, client: 42, server: 81},
	{flags: fA, client: 42, server: 82},
}

// packet writes the i-th of the 12 packets of connection n.
func (w *frames) packet(at, n, i int) {
	p := &conversation[i]
	seq, ack := isnOf(n).Add(p.client), craft.Seq(uint32(n)*40503+77+p.server)
	if i == 0 {
		ack = 0
	}
	if p.from == 1 {
		seq, ack = ack, seq
	}
	w.put(at, n, p.from, p.flags, seq, ack, p.payload)
}

const connections, each = 416_666, 12

func halfOpen(w *frames) {
	for n := range 2_000_000 {
		w.packet(n*10, n, 0)
	}
}

func allOpen(w *frames) {
	for i := range each {
		for n := range connections {
			w.packet((i*connections+n)*10, n, i)
		}
	}
}

func oneAfterTheOther(w *frames) {
	const together = 2000
	for first := 0; first < connections; first += together {
		for i := range each {
			for n := first; n < min(first+together, connections); n++ {
				w.packet((first*each+i*together+n-first)*10, n, i)
			}
		}
	}
}

// crowdedScan asks a port each microsecond, and each answers 100 ms later: half
// of them are open, half refuse.
func crowdedScan(w *frames) {
	const ports, trip = 200_000, 100_000
	for at := range ports + trip {
		if at < ports {
			w.put(at, at, 1, fS, isnOf(at), 0, 0)
		}
		n := at - trip
		switch {
		case n < 0:
		case n%2 == 0:
			w.put(at, n, 0, fSA, craft.Seq(n*7), isnOf(n)+1, 0)
		default:
			w.put(at, n, 0, fRA, 0, isnOf(n)+1, 0)
		}
	}
}

func isnOf(n int) craft.Seq { return craft.Seq(uint32(n) * 2654435761) }
