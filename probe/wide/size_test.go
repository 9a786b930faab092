package wide_test

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/report"
	"synscope/internal/report/record"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/wide"
)

// echo is a Blaster of which every n-th probe is answered at once, in real
// time: SYN-ACKs with what Linux puts into them.
type echo struct {
	*drain
	every    int
	template *craft.Template
	mu       sync.Mutex
	ready    sync.Cond
	waiting  [][]byte
	spare    [][]byte
	lent     [][]byte
	over     bool
}

func newEcho(t testing.TB, every int) *echo {
	any4 := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	options, err := craft.NewOptions(craft.MSS(1460), craft.SACKPermitted(), craft.Timestamps(7, 9), craft.NOP(), craft.WindowScale(7))
	if err != nil {
		t.Fatal(err)
	}
	template, err := craft.NewTemplate(craft.Segment{Src: any4, Dst: any4, TTL: 60, Flags: craft.SYN | craft.ACK, Window: 64240, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{drain: newDrain(), every: every, template: template}
	e.ready.L = &e.mu
	return e
}

func (e *echo) Blast(f []craft.Fields) (int, error) {
	e.drain.sent += uint64(len(f))
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := 0; i < len(f); i += e.every {
		if len(e.waiting) > 4096 {
			break // as a network that cannot deliver more
		}
		var b []byte
		if last := len(e.spare) - 1; last >= 0 {
			b, e.spare = e.spare[last][:0], e.spare[:last]
		}
		e.waiting = append(e.waiting, e.template.AppendTo(b, craft.Fields{Src: f[i].Dst, Dst: f[i].Src, Seq: 99, Ack: f[i].Seq.Add(1), TSval: 1}))
	}
	e.ready.Signal()
	return len(f), nil
}

func (e *echo) Quiet() bool { return true }

func (e *echo) Recv(pkts []netraw.Packet) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spare = append(e.spare, e.lent...)
	e.lent = e.lent[:0]
	for len(e.waiting) == 0 && !e.over {
		e.ready.Wait()
	}
	if e.over {
		return 0, os.ErrDeadlineExceeded
	}
	n := min(len(pkts), len(e.waiting))
	for i := range n {
		pkts[i] = netraw.Packet{Data: e.waiting[i], Time: time.Now()}
		e.lent = append(e.lent, e.waiting[i])
	}
	e.waiting = append(e.waiting[:0], e.waiting[n:]...)
	return n, nil
}

func (e *echo) SetReadDeadline(at time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = !at.IsZero()
	e.ready.Broadcast()
	return nil
}

// heapSink looks at the heap while verdicts come.
type heapSink struct {
	n    int
	peak uint64
	stop func()
	want int
}

func (h *heapSink) Host(probe.HostReport) error { return nil }

func (h *heapSink) Port(probe.Verdict) error {
	if h.n++; h.n%20_000 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		h.peak = max(h.peak, m.HeapInuse+m.StackInuse)
	}
	if h.n == h.want {
		h.stop()
	}
	return nil
}

// A plan of the whole of IPv4, and one of all its ports, take no more than a
// fixed amount of memory, however many answer.
func TestStatelessMemory(t *testing.T) {
	probetest.Plain(t)
	for _, ports := range []string{"443", "0-65535"} {
		plan := planOf(t, 1, ports, "0.0.0.0/0")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		sink := &heapSink{stop: cancel, want: 500_000}
		s, err := wide.Run(ctx, newEcho(t, 4), wide.Config{Plan: plan,
			Config: scan.Config{Rate: math.Inf(1), Timeout: 100 * ms}}, sink)
		if !errors.Is(err, probe.ErrInterrupted) || sink.n < sink.want {
			t.Fatalf("%v after %d verdicts", err, sink.n)
		}
		t.Logf("%d targets: %.1f MiB at most, after %d probes and %d verdicts", plan.Count(), float64(sink.peak)/(1<<20), s.Sent, sink.n)
		if sink.peak > 128<<20 {
			t.Errorf("%d targets: %d MiB", plan.Count(), sink.peak>>20)
		}
	}
}

// BenchmarkStateless is what a probe costs until the engine has it, answers
// aside: the wall time of the whole run, its last patience included.
func BenchmarkStateless(b *testing.B) {
	plan := planOf(b, 1, "443", "0.0.0.0/0")
	plan.count = uint64(b.N)
	s, err := wide.Run(b.Context(), newDrain(), wide.Config{Plan: plan,
		Config: scan.Config{Rate: math.Inf(1), Retries: -1, Timeout: ms}}, newAnswers())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(s.Rate/1e6, "Mpps")
}

// jsonSink writes records as the program does.
type jsonSink struct{ out *report.Output }

func (s *jsonSink) Host(probe.HostReport) error { return nil }

func (s *jsonSink) Port(v probe.Verdict) error { return s.out.Record(record.NewPort("0.0.0.0/0", &v)) }

// BenchmarkStatelessRecords probes at two million packets a second, a quarter
// of which are answered, and writes a JSON record for each answer: the metrics
// are what of that was achieved, and how long sending had to wait.
func BenchmarkStatelessRecords(b *testing.B) {
	file, err := os.Create(filepath.Join(b.TempDir(), "records.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	out, err := report.Open(report.Config{Stdout: file, StdoutFormat: "json"})
	if err != nil {
		b.Fatal(err)
	}
	plan := planOf(b, 1, "443", "0.0.0.0/0")
	plan.count = uint64(b.N)
	s, err := wide.Run(b.Context(), newEcho(b, 4), wide.Config{Plan: plan,
		Config: scan.Config{Rate: 2e6, FixedRate: true, Retries: -1, Timeout: ms}}, &jsonSink{out})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(s.Rate/1e6, "Mpps")
	b.ReportMetric(float64(s.States[probe.StateOpen])/s.Took.Seconds()/1000, "krecords/s")
	b.ReportMetric(s.Held.Seconds(), "s-held")
}
