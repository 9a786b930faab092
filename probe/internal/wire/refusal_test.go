package wire

import (
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"synscope/probe"
)

// What an error of Send means for its packet, and how long it waits.
func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		errno syscall.Errno
		kind  Refusal
		tries int // until it is given up, 0: never
		state probe.State
	}{
		{syscall.EAGAIN, RefusedForNow, queueTries, probe.StateUnknown},
		{syscall.ENOBUFS, RefusedForNow, queueTries, probe.StateUnknown},
		{syscall.EINVAL, RefusedForNow, queueTries, probe.StateUnknown},
		{syscall.EPERM, RefusedByFirewall, firewallTries, probe.StateFiltered},
		{syscall.EACCES, RefusedForGood, 0, probe.StateUnknown}, // a broadcast, or a route that prohibits
		{syscall.EMSGSIZE, RefusedForGood, 0, probe.StateUnknown},
		{syscall.ENETDOWN, RefusedNetworkAway, -1, probe.StateUnknown},
		{syscall.ENETUNREACH, RefusedNetworkAway, -1, probe.StateUnknown},
	} {
		err := fmt.Errorf("send: %w", os.NewSyscallError("sendmmsg", tc.errno))
		if got := RefusalOf(err); got != tc.kind {
			t.Errorf("%v: %d, want %d", tc.errno, got, tc.kind)
		}
		tries, waited := 0, time.Duration(0)
		for tries < 1000 {
			wait, again := Backoff(err, tries)
			if !again {
				break
			}
			tries, waited = tries+1, waited+wait
		}
		if want := tc.tries; want >= 0 && tries != want || want < 0 && tries < 1000 {
			t.Errorf("%v: tried %d times over %v", tc.errno, tries, waited)
		}
		if v := Unsendable(netip.MustParseAddrPort("192.0.2.1:80"), err); v.State != tc.state || v.Err == nil {
			t.Errorf("%v: %+v", tc.errno, v)
		}
	}
}
