package cli

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/report"
	"synscope/internal/report/sink"
	"synscope/internal/target"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/wide"
)

// echo is an engine that has the answer to every probe ready: a third SYN-ACKs
// with the options of Linux, two thirds RSTs.
type echo struct {
	mu      sync.Mutex
	answers []netraw.Packet
	read    int
	came    chan struct{}
	stop    chan struct{}
	once    sync.Once
	synack  *craft.Template
	reset   *craft.Template
}

func newEcho(b *testing.B, n int) *echo {
	build := func(flags craft.Flags, options ...craft.Option) *craft.Template {
		opts, err := craft.NewOptions(options...)
		if err != nil {
			b.Fatal(err)
		}
		addr := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
		t, err := craft.NewTemplate(craft.Segment{Src: addr, Dst: addr, Flags: flags, Window: 65160, TTL: 64, Options: opts})
		if err != nil {
			b.Fatal(err)
		}
		return t
	}
	return &echo{
		answers: make([]netraw.Packet, 0, n), came: make(chan struct{}, 1), stop: make(chan struct{}),
		synack: build(craft.SYN|craft.ACK, craft.MSS(1460), craft.SACKPermitted(), craft.Timestamps(7, 0), craft.WindowScale(7)),
		reset:  build(craft.RST | craft.ACK),
	}
}

func (e *echo) Blast(probes []craft.Fields) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now().Round(0)
	for _, p := range probes {
		t := e.reset
		if len(e.answers)%3 == 0 {
			t = e.synack
		}
		answer := t.AppendTo(nil, craft.Fields{Src: p.Dst, Dst: p.Src, Seq: 99, Ack: p.Seq.Add(1), TSval: 1})
		e.answers = append(e.answers, netraw.Packet{Data: answer, Time: now, Partial: true})
	}
	select {
	case e.came <- struct{}{}:
	default:
	}
	return len(probes), nil
}

func (e *echo) Recv(pkts []netraw.Packet) (int, error) {
	for {
		e.mu.Lock()
		n := copy(pkts, e.answers[e.read:])
		e.read += n
		e.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-e.came:
		case <-e.stop:
			return 0, fmt.Errorf("receive: %w", os.ErrDeadlineExceeded)
		}
	}
}

func (e *echo) AnswersResets() bool             { return true }
func (e *echo) Send(p [][]byte) (int, error)    { return len(p), nil }
func (e *echo) Ports() []uint16                 { return []uint16{40000} }
func (e *echo) Stats() netraw.Stats             { return netraw.Stats{} }
func (e *echo) MonotonicRaw() time.Duration     { return 0 }
func (e *echo) SetReadDeadline(time.Time) error { e.once.Do(func() { close(e.stop) }); return nil }
func (e *echo) Quiet() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.read == len(e.answers)
}
func (*echo) InZone(a netip.Addr, _ int) netip.Addr { return a }
func (e *echo) Route(netip.Addr) (netraw.Route, error) {
	return netraw.Route{Source: netip.MustParseAddr("192.0.2.1")}, nil
}

// BenchmarkAnswer is what an answer costs, from the packet to JSON lines in a
// file, in processor time; beside it what the probes and this engine take.
func BenchmarkAnswer(b *testing.B) {
	set, err := target.Parse(context.Background(), []string{"10.0.0.0/8"}, target.Options{Ports: target.PortsOf(80)})
	if err != nil {
		b.Fatal(err)
	}
	file, err := os.Create(filepath.Join(b.TempDir(), "out"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	out, err := report.Open(report.Config{Stdout: file, StdoutFormat: "json", Options: sink.Options{Service: target.Service}})
	if err != nil {
		b.Fatal(err)
	}
	r := &results{session: &session{display: &display{Output: out}}, set: set}
	e := newEcho(b, b.N)
	plan := newShardPlan(set, 1, shard{0, 1})
	plan.size = uint64(b.N)
	b.ReportAllocs()
	b.ResetTimer()
	before := processorTime()
	s, err := wide.Run(context.Background(), e, wide.Config{Plan: plan, Config: scan.Config{
		Technique: probe.Techniques()[0], Rate: 1e9, Retries: -1, Timeout: 10 * time.Millisecond, Key: [16]byte{1},
	}}, r)
	took := processorTime() - before
	if err != nil || s.Matched != uint64(b.N) {
		b.Fatal(err, s)
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "cpu-ns/answer")
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
