package isn_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
)

// spaced are n samples of the numbers that next gives, of few ports in turn, apart by
// the gaps in turn.
func spaced(n, ports int, next func(at time.Duration, port int) uint32, gaps ...time.Duration) (list []isn.Sample) {
	at := 7 * time.Millisecond
	for i := range n {
		port := i * ports / n
		list = append(list, isn.Sample{Src: netip.MustParseAddr("192.0.2.1"), SrcPort: isn.Some(uint16(40000 + port)),
			ClientISN: isn.Some(craft.Seq(uint32(i) * 2654435761)), ISN: isn.Some(craft.Seq(next(at, port))),
			Sent: isn.Some(int64(at)), Received: isn.Some(int64(at + 200*time.Microsecond))})
		at += gaps[i%len(gaps)]
	}
	return list
}

// Evenly spaced samples of a counter and of a clock that ticks in step with them are the
// same: neither is claimed, and it is said what would tell them apart. Uneven ones are
// told apart.
func TestEvenGapsTellNoStepFromAClock(t *testing.T) {
	const tick = 100 * time.Millisecond
	clock := func(at time.Duration, _ int) uint32 { return 5_000_000 + 6400*uint32(at/tick) }
	tupleClock := func(at time.Duration, port int) uint32 { return uint32(port)*3_000_000_019 + 6400*uint32(at/tick) }
	n := uint32(0)
	step := func(time.Duration, int) uint32 { n++; return 77 + 6400*n }
	uneven := []time.Duration{tick, 3 * tick, 20 * time.Millisecond, 9 * tick, 20 * time.Millisecond, 2*tick + tick/2}
	for _, tc := range []struct {
		name   string
		ports  int
		next   func(time.Duration, int) uint32
		uneven isn.Class
	}{
		{"clock", 5, clock, isn.ClassGlobalClock},
		{"step", 5, step, isn.ClassGlobalStep},
		{"clock of each tuple", 5, tupleClock, isn.ClassTupleClock},
	} {
		r := isn.Analyze(spaced(30, tc.ports, tc.next, tick), isn.Options{})
		if r.Class != isn.ClassUnknown || !strings.Contains(textOf(r, "undecided"), "gaps of more than one length") {
			t.Errorf("%s, even: %s %.3f: %v", tc.name, r.Class, r.Confidence, r.Findings)
		}
		r = isn.Analyze(spaced(30, tc.ports, tc.next, uneven...), isn.Options{})
		if r.Class != tc.uneven {
			t.Errorf("%s, uneven: %s %.3f: %v", tc.name, r.Class, r.Confidence, r.Findings)
		}
	}
}

// textOf is the text of a finding.
func textOf(r isn.Report, code string) string {
	for _, f := range r.Findings {
		if f.Code == code {
			return f.Text
		}
	}
	return ""
}
