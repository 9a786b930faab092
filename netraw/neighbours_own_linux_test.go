package netraw

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// Changes that are handed over together are made in their order, and each has an answer of its own.
func TestChangesTogether(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	p.strangers()
	table, err := OpenNeighbourTable()
	must(err)
	absent, nowhere := netip.MustParseAddr("192.0.2.90"), 1<<20
	for _, a := range []netip.Addr{netip.MustParseAddr("192.0.2.91"), netip.MustParseAddr("2001:db8::91")} {
		key := neighbour{p.hereIndex, a}
		list := []tableChange{
			{key: neighbour{p.hereIndex, absent}, remove: true}, {key: key}, {key: key, remove: true}, {key: key, remove: true}, {key: neighbour{nowhere, a}},
		}
		want := []error{unix.ENOENT, nil, nil, unix.ENOENT, unix.ENODEV}
		const times = changesTogether/2 + 1 // more than one call takes
		got := changeAll(table, slices.Repeat(list, times))
		if len(got) != times*len(list) {
			t.Fatalf("%d answers to %d changes", len(got), times*len(list))
		}
		for i, err := range got {
			if !errors.Is(err, want[i%len(want)]) {
				t.Errorf("change %d: %v, want %v", i, err, want[i%len(want)])
			}
		}
		if err := table.Solicit(p.hereIndex, a, SolicitAnywhere); err != nil {
			t.Errorf("alone: %v", err)
		}
	}
	if left := p.unresolved(); left != 2 {
		t.Errorf("%d entries, want those that were asked for last", left)
	}
}
