package cli

import (
	"testing"
	"time"

	"synscope/internal/check"
)

// What its commands count, RSTs too, is in the summary of a check.
func TestCheckAddsUpWhatItsCommandsCount(t *testing.T) {
	g := &gathering{facts: check.NewFacts()}
	line := []byte(`{"type":"summary","end":"2026-03-01T12:00:00Z","took_ns":5,"complete":true,"probes":2,"sent":3,"retransmitted":1,"resets":2,` +
		`"send_errors":4,"resets_lost":1,"received":6,"matched":5,"rejected":{"bad-checksum":1},"kernel_drops":0,"states":{"open":1},"went_silent":7}`)
	for range 2 {
		if err := g.take("scan", line, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	s := &g.summary
	for name, pair := range map[string][2]uint64{
		"sent": {s.Sent, 6}, "retransmitted": {s.Retransmitted, 2}, "resets": {s.Resets, 4}, "errors": {s.SendErrors, 8},
		"resets lost": {s.ResetsLost, 2}, "received": {s.Received, 12}, "matched": {s.Matched, 10}, "rejected": {s.Rejected["bad-checksum"], 2},
		"went silent": {s.WentSilent, 14}, "probes": {s.Probes, 0}, // those are the expectations
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %d, want %d", name, pair[0], pair[1])
		}
	}
}
