package wire

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"synscope/probe"
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

// Where the kernel has no room for as long as a run waits, and nothing leaves, the run is
// given up; what leaves meanwhile, or was only heard of later, ends the wait.
func TestOutageForWantOfRoom(t *testing.T) {
	const s = time.Second
	full := func(at time.Duration) func(*Outage) { return func(o *Outage) { o.Note(syscall.ENOBUFS, at) } }
	invalid := func(at time.Duration) func(*Outage) { return func(o *Outage) { o.Note(syscall.EINVAL, at) } }
	left := func(at time.Duration) func(*Outage) { return func(o *Outage) { o.Left(at) } }
	ended := func(o *Outage) { o.End() }
	for _, row := range []struct {
		name  string
		heard []func(*Outage)
		err   error // at its end; nil: it is not over
	}{
		{"nothing ever left", []func(*Outage){full(1 * s), full(11 * s)}, probe.ErrNothingSent},
		{"by two numbers", []func(*Outage){full(1 * s), invalid(11 * s)}, probe.ErrNothingSent},
		{"some had left", []func(*Outage){left(1 * s), full(2 * s), full(12 * s)}, probe.ErrNetworkDown},
		{"not for so long", []func(*Outage){full(2 * s), full(10 * s)}, nil},
		{"one left meanwhile", []func(*Outage){full(1 * s), left(9 * s), full(11 * s)}, nil},
		{"one left, it is not known when", []func(*Outage){full(1 * s), ended, full(11 * s)}, nil},
		{"one that had left before", []func(*Outage){full(2 * s), left(1 * s), full(12 * s)}, probe.ErrNetworkDown},
	} {
		var o Outage
		for _, h := range row.heard {
			h(&o)
		}
		now := map[bool]time.Duration{true: 11 * s, false: 12 * s}[row.err == nil]
		if certain := o.Certain(now); certain != (row.err != nil) || certain && !errors.Is(o.Error(), row.err) {
			t.Errorf("%s: certain %v, %v", row.name, certain, o.Error())
		}
	}
}
