package report

import (
	"math"
	"strings"
	"testing"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/rows"
	"synscope/internal/report/text"
	"synscope/probe"
	"synscope/probe/handshake"
	"synscope/probe/rtt"
)

// One time has no deviation and no jitter: their zeros were not measured.
func TestOneTimeDoesNotVary(t *testing.T) {
	series := rtt.NewSeries(rtt.Precise)
	for n, varies := range []bool{false, false, true} {
		if n > 0 {
			series.Add(time.Millisecond)
		}
		r := &record.RTTSummary{Target: "web", Addr: pingedPort.Addr(), Port: 80, Clock: "kernel", Summary: series.Summary()}
		json := string(rows.AppendJSON(nil, r))
		for _, field := range []string{`"stddev_ns":0`, `"jitter_ns":0`} {
			if strings.Contains(json, field) != varies {
				t.Errorf("%d times: %s", n, json)
			}
		}
		if words := text.RTTWords(r); strings.Contains(words, "stddev") != varies || strings.Contains(words, "jitter") != varies {
			t.Errorf("%d times: %s", n, words)
		}
		if row := text.RTTTable([]*record.RTTSummary{r}, 0)[1]; strings.HasSuffix(row, "0 ns") != varies {
			t.Errorf("%d times: %s", n, row)
		}
	}
}

// Probes that never left are neither sent nor lost.
func TestUnsentProbes(t *testing.T) {
	r := &record.RTTSummary{Target: "web", Addr: pingedPort.Addr(), Port: 80, Unsent: 2}
	const want = `"sent":0,"received":0,"lost":0,"unsent":2}`
	if json := string(rows.AppendJSON(nil, r)); !strings.HasSuffix(json, want) {
		t.Errorf("%s, want %s", json, want)
	}
	if words := text.RTTWords(r); words != "0 probes sent, 0 received, 0 lost, 2 could not be sent" {
		t.Error(words)
	}
	if row := text.RTTTable([]*record.RTTSummary{r}, 0)[1]; strings.Contains(row, "%") {
		t.Error(row)
	}
}

// A rate takes two packets and the time between them.
func TestRateOfOnePacketIsAbsent(t *testing.T) {
	for _, tc := range []struct {
		sent    uint64
		rate    float64
		present bool
	}{{0, 0, false}, {1, 557_724, false}, {2, 0, false}, {2, math.Inf(1), false}, {2, math.NaN(), false}, {2, 20, true}} {
		s := record.NewSummary(&probe.Summary{Sent: tc.sent, Rate: tc.rate}, time.Time{})
		if rate, present := s.Rate.Get(); present != tc.present {
			t.Errorf("%d packets at %v: %v, %v", tc.sent, tc.rate, rate, present)
		}
	}
}

// A connection of which no packet left has neither source nor beginning.
func TestConnectionThatNeverBegan(t *testing.T) {
	json := string(rows.AppendJSON(nil, record.NewConnection("web", &handshake.Result{Target: pingedPort, Reason: probe.ReasonNoRoute})))
	for _, field := range []string{"src", "start", "took_ns", "rtt_ns"} {
		if strings.Contains(json, `"`+field+`"`) {
			t.Errorf("%s in %s", field, json)
		}
	}
}
