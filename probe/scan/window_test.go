package scan

import (
	"testing"
	"time"
)

// epoch feeds one epoch of answers to a window with the given number of probes
// in flight, and ends it.
func epoch(w *window, now *time.Duration, flying, clean, rescued int) {
	for int(w.flying) < flying {
		w.depart()
	}
	for range clean {
		w.answered(true)
	}
	for range rescued {
		w.answered(false)
	}
	*now += minEpoch
	w.room(*now, 0)
	for w.flying > 0 {
		w.land()
	}
}

func TestWindow(t *testing.T) {
	for _, tc := range []struct {
		name                   string
		flying, clean, rescued int
		want                   float32 // limit after one epoch from open; 0: still open
	}{
		{"silence is no loss", 5000, 0, 0, 0},
		{"clean answers", 5000, 5000, 0, 0},
		{"ten per cent lost each way", 1000, 810, 154, 0},
		{"three rescued prove nothing", 1000, 0, 3, 0},
		{"a quarter came only to repeated probes", 1000, 300, 100, 500},
		{"nothing came to first probes", 1000, 0, 10, 500},
		{"never below the minimum", 10, 0, 10, minWindow},
	} {
		var w window
		var now time.Duration
		epoch(&w, &now, tc.flying, tc.clean, tc.rescued)
		if w.limit != tc.want {
			t.Errorf("%s: limit %v, want %v", tc.name, w.limit, tc.want)
		}
	}
}

func TestWindowClosesAndOpensAgain(t *testing.T) {
	var w window
	var now time.Duration
	epoch(&w, &now, 100, 0, 50)
	for range int(w.limit) {
		if !w.room(now, 0) {
			t.Fatalf("closed at %d of %v", w.flying, w.limit)
		}
		w.depart()
	}
	if w.room(now, 0) {
		t.Fatalf("open beyond its limit %v", w.limit)
	}
	for epochs := 0; w.limit != 0; epochs++ {
		if epochs > 30 {
			t.Fatalf("still limited to %v after %d clean epochs", w.limit, epochs)
		}
		epoch(&w, &now, 10, 10, 0)
	}
}
