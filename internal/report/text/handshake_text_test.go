package text

import (
	"strings"
	"testing"
	"time"

	"synscope/internal/report/record"
	"synscope/probe/handshake"
)

// The median is the one that ping calls p50: of an even number the lower of the middle two.
func TestMedianOfConnections(t *testing.T) {
	c := connectionText{textSink: &textSink{}, trips: []time.Duration{4 * time.Millisecond, time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond}}
	text := strings.Join(c.summing(&record.Summary{Complete: true}), "\n")
	if want := "RTT from 1.0 ms to 4.0 ms, median 2.0 ms"; !strings.Contains(text, want) {
		t.Errorf("%q, want %q", text, want)
	}
}

// What nobody has seen whole is unknown, and not nothing.
func TestNegotiatedWords(t *testing.T) {
	for want, n := range map[string]handshake.Negotiated{
		"nothing":                    {},
		"unknown":                    {Partial: true},
		"mss 1460":                   {MSS: 1460, Partial: true},
		"mss 1460, SACK, timestamps": {MSS: 1460, SACK: true, Stamps: true},
	} {
		if got := negotiatedWords(&n); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
