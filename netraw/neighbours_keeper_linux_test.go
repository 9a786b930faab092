package netraw

import (
	"net"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// A process without the right has another one change the table, and is as quick
// as with it.
func TestNeighbourKeeper(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	p.strangers()
	p.inhabit(t, netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("2001:db8::77"))
	ours, theirs := socketPair(t)
	table, err := OpenNeighbourTable()
	must(err)
	ended := make(chan error, 1)
	go func() { ended <- KeepNeighbours(theirs, table) }()
	withCapabilities(func() {
		n := openNeighbours(t, &NeighbourConfig{Table: RemoteNeighbourTable(ours)})
		for dst, g := range tellsApart(t, n) {
			if g.State == NeighbourFailed && g.Asked != 2 {
				t.Errorf("%s: %+v", dst, g)
			}
		}
		if !n.mayAsk {
			t.Error("the keeper was not used")
		}
		n.Close()
	}, unix.CAP_NET_RAW)
	if left := p.unresolved(); left != 0 {
		t.Errorf("%d entries that lead nowhere are left", left)
	}
	ours.Close()
	if err := <-ended; err != nil {
		t.Errorf("the keeper ends with %v", err)
	}
	// Without its keeper a process does what it can.
	withCapabilities(func() {
		n := openNeighbours(t, &NeighbourConfig{Table: RemoteNeighbourTable(ours)})
		n.Ask(netip.MustParseAddr("192.0.2.79"))
		if got := settle(t, n)[netip.MustParseAddr("192.0.2.79")]; got.State != NeighbourFailed {
			t.Errorf("%+v", got)
		}
	}, unix.CAP_NET_RAW)
}

func socketPair(t *testing.T) (a, b *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(err)
	a, b = os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// What is no request ends a keeper, and changes nothing.
func TestNeighbourKeeperRefuses(t *testing.T) {
	for _, request := range [][]byte{
		{3, 0, 4, 0, 1, 0, 0, 0}, {1, 2, 4, 0, 1, 0, 0, 0}, {1, 0, 5, 0, 1, 0, 0, 0}, {0}, {2, 0, 255},
	} {
		ours, theirs := net.Pipe()
		go func() {
			ours.Write(append(request, make([]byte, keeperRequest-len(request))...))
			ours.Close()
		}()
		if err := KeepNeighbours(theirs, nil); err == nil {
			t.Errorf("%v was taken for a request", request)
		}
	}
}
