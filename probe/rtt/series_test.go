package rtt

import (
	"math"
	"testing"
	"time"
)

// By hand: D = 4, 2, 8 ms; J = 4/16, then + (2 − J)/16, then + (8 − J)/16.
func TestJitterByHand(t *testing.T) {
	s := NewSeries(Precise)
	for _, ms := range []int{10, 14, 12, 20} {
		s.Add(time.Duration(ms) * time.Millisecond)
	}
	j := 4.0 / 16
	j += (2 - j) / 16
	j += (8 - j) / 16
	if want := round(j * 1e6); s.Summary().Jitter != want {
		t.Errorf("jitter %v, want %v", s.Summary().Jitter, want)
	}
}

func TestSummaryOfFew(t *testing.T) {
	s := NewSeries(Precise)
	for _, ms := range []int{2, 4, 4, 4, 5, 5, 7, 9} {
		s.Add(time.Duration(ms) * time.Millisecond)
	}
	s.Lost()
	s.Unmeasured()
	got := s.Summary()
	deviation := math.Sqrt(32.0 / 7)
	want := Summary{
		Sent: 10, Received: 9, Lost: 1, Measured: 8, Loss: 0.1,
		Min: 2 * time.Millisecond, Mean: 5 * time.Millisecond, Max: 9 * time.Millisecond,
		P50: 4 * time.Millisecond, P90: 9 * time.Millisecond, P95: 9 * time.Millisecond, P99: 9 * time.Millisecond,
		StdDev: round(deviation * 1e6), Jitter: got.Jitter,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if empty := NewSeries(Precise).Summary(); empty != (Summary{}) {
		t.Errorf("nothing adds up to %+v", empty)
	}
}

// Welford's recurrence keeps digits that the sum of squares would lose.
func TestDeviationFarFromZero(t *testing.T) {
	s := NewSeries(Precise)
	for i := range 10_000 {
		s.Add(time.Hour/2 + time.Duration(i%2)*time.Microsecond)
	}
	if got := s.Summary().StdDev; got < 499 || got > 501 {
		t.Errorf("standard deviation %v, want 500 ns", got)
	}
}

func TestTimelineKeepsTheTotals(t *testing.T) {
	var line Timeline
	const n = 1_000_000
	for i := range n {
		at := time.Duration(i) * time.Millisecond
		if i%10 == 3 {
			line.Lost(at)
		} else {
			line.Add(at, time.Duration(100+i%7)*time.Microsecond)
		}
	}
	var answered, lost uint64
	previous := time.Duration(-1)
	for _, b := range line.Bins() {
		answered, lost = answered+b.Answered, lost+b.Lost
		if b.At <= previous {
			t.Fatalf("bin at %v after one at %v", b.At, previous)
		}
		previous = b.At
		if b.Answered > 0 && (b.Min > b.Mean || b.Mean > b.Max || b.Min < 100*time.Microsecond || b.Max > 106*time.Microsecond) {
			t.Fatalf("bin %+v", b)
		}
	}
	if answered != n*9/10 || lost != n/10 {
		t.Errorf("%d answered, %d lost of %d", answered, lost, n)
	}
	if len(line.Bins()) > timelineBins || cap(line.Bins()) > 2*timelineBins {
		t.Errorf("%d bins", len(line.Bins()))
	}
}
