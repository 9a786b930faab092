package scan_test

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/scan"
)

// Where the way to some hosts goes while others are reached, the run goes on at its pace, and what
// cannot be sent any more is unknown; only where all ways go is the network away.
func TestOneRouteOfSeveralGoesAway(t *testing.T) {
	const s = time.Second
	type span struct{ from, to time.Duration }
	for _, row := range []struct {
		name       string
		one, other span // without a way
		down       bool
		cutOff     bool
	}{
		{"one of two, for good", span{s, forever}, span{}, false, true},
		{"one of two, for a moment", span{s, 6 * s}, span{}, false, false},
		{"both, one after the other", span{s, forever}, span{5 * s, forever}, true, false},
		{"both, for a moment", span{s, 6 * s}, span{2 * s, 7 * s}, false, false},
	} {
		inBubble(t, row.name, func(t *testing.T) {
			start := time.Now()
			host := everyTenth(600)
			w := world{Host: host, Config: tenEachWay}
			addrs := addresses(2)
			away := map[netip.Addr]span{addrs[0]: row.one, addrs[1]: row.other}
			w.SendError = func(pkt []byte) error {
				a := away[netip.AddrFrom4([4]byte(pkt[16:20]))]
				if at := time.Since(start); at >= a.from && at < a.to {
					return errors.Join(syscall.ENETUNREACH, netraw.ErrNoRoute)
				}
				return nil
			}
			found, sum, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(1, 600, addrs...)), Rate: 60})
			if down := errors.Is(err, probe.ErrNetworkDown); down != row.down || !down && err != nil {
				t.Fatalf("%v after %v", err, sum.Took)
			}
			wrong := wrongVerdicts(found, addrs[1], 600)
			noRoute := 0
			for _, v := range found.ports {
				if v.Reason == probe.ReasonNoRoute {
					noRoute++
				}
			}
			if !row.down && (wrong > 0 || sum.Took > 35*s) {
				t.Errorf("%d wrong verdicts on the other host, in %v", wrong, sum.Took)
			}
			if !row.down && (row.cutOff && noRoute < 500 || !row.cutOff && noRoute > 0) {
				t.Errorf("%d ports without a route", noRoute)
			}
			if !row.down && !row.cutOff && wrongVerdicts(found, addrs[0], 600) > 0 {
				t.Error("wrong verdicts on the host that was away for a moment")
			}
		})
	}
}

// What the kernel never has room for, as it says of what a filter of tc drops and of a route
// of type blackhole, is tried for a time of the run, however many ports wait.
func TestNeverRoomIsATime(t *testing.T) {
	const s = time.Second
	for _, row := range []struct {
		name  string
		errno syscall.Errno
		hosts int // of which the first has none
		from  time.Duration
		err   error
	}{
		{"nothing leaves", syscall.ENOBUFS, 1, 0, probe.ErrNothingSent},
		{"a route to nowhere", syscall.EINVAL, 1, 0, probe.ErrNothingSent},
		{"nothing leaves any more", syscall.ENOBUFS, 1, s, probe.ErrNetworkDown},
		{"others leave", syscall.ENOBUFS, 2, 0, nil},
	} {
		inBubble(t, row.name, func(t *testing.T) {
			start := time.Now()
			w := world{Host: everyTenth(1000), Config: tenEachWay}
			addrs := addresses(row.hosts)
			w.SendError = func(pkt []byte) error {
				if time.Since(start) >= row.from && netip.AddrFrom4([4]byte(pkt[16:20])) == addrs[0] {
					return row.errno
				}
				return nil
			}
			found, sum, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(1, 1000, addrs...)), Rate: 200})
			if !errors.Is(err, row.err) || row.err != nil && !errors.Is(err, row.errno) {
				t.Fatalf("%v after %v", err, sum.Took)
			}
			if most := 12*s + time.Duration(row.hosts*1000/200)*s; sum.Took > most || sum.Took < 9*s {
				t.Errorf("it took %v", sum.Took)
			}
			if row.hosts > 1 && wrongVerdicts(found, addrs[1], 1000) > 0 {
				t.Error("wrong verdicts on the other host")
			}
		})
	}
}
