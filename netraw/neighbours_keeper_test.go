package netraw

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A keeper that reads and never answers, as one that was stopped, costs its patience once:
// from then on it is not asked, as if the right were not there.
func TestStoppedKeeperHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		go io.Copy(io.Discard, theirs)
		table := RemoteNeighbourTable(ours)
		began := time.Now()
		for i := range byte(200) {
			err := table.Solicit(1, netip.AddrFrom4([4]byte{192, 0, 2, i}), SolicitAnywhere)
			if !errors.Is(err, syscall.EPERM) {
				t.Fatalf("request %d: %v", i, err)
			}
		}
		if took := time.Since(began); took != keeperPatience {
			t.Errorf("200 requests held their maker for %v", took)
		}
		if err := table.Remove(1, netip.AddrFrom4([4]byte{192, 0, 2, 1})); !errors.Is(err, syscall.EPERM) {
			t.Error(err)
		}
	})
}
