package cli

import (
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/report"
	"synscope/internal/target"
	"synscope/netraw"
	"synscope/probe"
)

// wideVerdict is one of many answers.
func wideVerdict(i uint32) probe.Verdict {
	options, _ := craft.NewOptions(craft.MSS(1460), craft.SACKPermitted(), craft.Timestamps(7, 9), craft.NOP(), craft.WindowScale(7))
	dst := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 443)
	return probe.Verdict{
		Target: dst, State: probe.StateOpen, Reason: probe.ReasonSYNACK, Attempts: 1,
		RTT: 12345 * time.Microsecond, Clock: netraw.ClockKernelRx,
		Reply: &craft.Segment{Src: dst, Dst: netip.MustParseAddrPort("192.0.2.1:40000"), TTL: 55, Seq: craft.Seq(i), Ack: 7,
			Flags: craft.SYN | craft.ACK, Window: 64240, Options: options},
	}
}

// BenchmarkRecords writes the JSON records of a wide scan to a file, as the
// results of a stateless run do.
func BenchmarkRecords(b *testing.B) {
	set, err := target.Parse(b.Context(), []string{"0.0.0.0/0"}, target.Options{Ports: target.PortsOf(443)})
	if err != nil {
		b.Fatal(err)
	}
	file, err := os.Create(filepath.Join(b.TempDir(), "records.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	o, err := report.Open(report.Config{Stdout: file, StdoutFormat: "json"})
	if err != nil {
		b.Fatal(err)
	}
	r := &results{session: &session{display: &display{Output: o}}, set: set}
	verdicts := make([]probe.Verdict, 1024)
	for i := range verdicts {
		verdicts[i] = wideVerdict(uint32(i) * 7919)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := r.Port(verdicts[i%len(verdicts)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(math.Round(float64(b.N)/b.Elapsed().Seconds()/1000), "krecords/s")
}
