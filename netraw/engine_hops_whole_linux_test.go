package netraw

import (
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A table that changed while it was read is read again, other errors are told at once.
func TestWholeReadsAgain(t *testing.T) {
	for _, tc := range []struct {
		changes int
		end     error
		reads   int
	}{{0, nil, 1}, {3, nil, 4}, {3, unix.EPERM, 4}, {1000, netlink.ErrDumpInterrupted, 200}} {
		reads := 0
		err := whole(func() error {
			if reads++; reads <= tc.changes {
				return netlink.ErrDumpInterrupted
			}
			return tc.end
		})
		if err != tc.end || reads != tc.reads {
			t.Errorf("%d changes: %v after %d reads, want %v after %d", tc.changes, err, reads, tc.end, tc.reads)
		}
	}
}
