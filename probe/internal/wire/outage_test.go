package wire

import (
	"syscall"
	"testing"
	"time"
)

// What is heard late of a packet counts as of when it was sent: neither ends one that left before
// the network went away an outage, nor does one that was refused before another left begin it.
func TestOutageGoesByWhenPacketsWereSent(t *testing.T) {
	const ms = time.Millisecond
	down := func(at time.Duration) func(*Outage) { return func(o *Outage) { o.Note(syscall.ENETDOWN, at) } }
	left := func(at time.Duration) func(*Outage) { return func(o *Outage) { o.Left(at) } }
	full := func(at time.Duration) func(*Outage) { return func(o *Outage) { o.Note(syscall.ENOBUFS, at) } }
	for _, row := range []struct {
		name  string
		heard []func(*Outage)
		lasts bool
	}{
		{"down", []func(*Outage){left(1 * ms), down(2 * ms)}, true},
		{"up again", []func(*Outage){down(2 * ms), left(3 * ms)}, false},
		{"refused and taken at once", []func(*Outage){down(2 * ms), left(2 * ms)}, false},
		{"left before it", []func(*Outage){down(2 * ms), left(1 * ms)}, true},
		{"left before it, and another after", []func(*Outage){down(2 * ms), left(1 * ms), left(3 * ms)}, false},
		{"refused before another left", []func(*Outage){left(3 * ms), down(2 * ms)}, false},
		{"a full queue", []func(*Outage){left(1 * ms), full(2 * ms)}, false},
	} {
		var o Outage
		for _, h := range row.heard {
			h(&o)
		}
		if o.Lasting() != row.lasts {
			t.Errorf("%s: lasts %v", row.name, o.Lasting())
		}
	}
}
