package report

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/probe"
)

// Outputs that pass ports on give the same whether each has a record of its own or
// all are one that is filled anew.
func TestPortFilledAnew(t *testing.T) {
	at := time.Unix(1767225600, 120_000_000)
	var verdicts []probe.Verdict
	for i := range 40 {
		v := probe.Verdict{
			Target: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i / 8)}), uint16(80+i)),
			State:  probe.StateRefused, Reason: probe.ReasonReset, Attempts: 1 + i%3, Time: at.Add(time.Duration(i) * 100 * time.Millisecond),
		}
		if i%5 == 0 {
			v.State, v.Reason = probe.StateFiltered, probe.ReasonNoResponse
			v.Findings = []probe.Finding{{Code: "path-mtu", Severity: probe.SeverityNotice, Text: "text"}}
		}
		verdicts = append(verdicts, v)
	}
	for _, format := range []string{"json", "text"} {
		written := func(fill func(p *record.Port, v *probe.Verdict) *record.Port) string {
			var b bytes.Buffer
			out := mustOpen(t, Config{Stdout: &b, StdoutFormat: format, Options: sink.Options{Reason: true}})
			out.Record(&record.Run{Command: "scan"})
			if !out.PassesPorts() {
				t.Fatalf("%s keeps records", format)
			}
			var p record.Port
			for i := range verdicts {
				out.Record(fill(&p, &verdicts[i]))
			}
			if err := out.Close(); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
		fresh := written(func(_ *record.Port, v *probe.Verdict) *record.Port { return record.NewPort("word", v) })
		again := written(func(p *record.Port, v *probe.Verdict) *record.Port { p.Fill("word", v); return p })
		if fresh != again || len(fresh) == 0 {
			t.Errorf("%s:\n%s\nwith records of their own:\n%s", format, again, fresh)
		}
	}
}
