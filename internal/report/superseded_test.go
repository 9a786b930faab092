package report

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/probe"
)

// A port that is told of once more is one port in nmap's formats: as the later record says.
func TestNmapHasSupersededPortsOnce(t *testing.T) {
	for ports, closed := range map[uint16]string{3: `state="closed"`, 60: `<extraports state="closed" count="58"`} {
		var out bytes.Buffer
		f := formatOf(t, "xml")
		s := f.New(sink.NewLineWriter(&out, "out"), sink.Options{})
		s.Record(&record.Run{Version: "0", Command: "scan"})
		tell := func(port uint16, state, before probe.State, reason probe.Reason) {
			v := probe.Verdict{Target: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.7"), port), State: state, Supersedes: before, Reason: reason, Attempts: 1}
			s.Record(record.NewPort("192.0.2.7", &v))
		}
		for p := range ports {
			tell(1000+p, probe.StateRefused, probe.StateUnknown, probe.ReasonReset)
		}
		for _, p := range []uint16{1000, 999 + ports} { // one that is kept, and one that is counted alone
			tell(p, probe.StateOpen, probe.StateRefused, probe.ReasonSYNACK)
		}
		s.Close()
		if text := out.String(); strings.Count(text, closed) != 1 || strings.Count(text, `state="open"`) != 2 {
			t.Errorf("%d ports: %s", ports, text)
		}
	}
}
