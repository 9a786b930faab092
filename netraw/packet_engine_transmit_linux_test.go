package netraw

import (
	"errors"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/internal/lab"
)

// An interface that goes down is an error of a probe, nothing stays behind in
// the rings, and once it is up again all goes on: as many SYNs are answered as
// Blast says have left.
func TestBlastOverAnInterfaceThatGoesDown(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	internet(t, p, lab.World{Open: 1})
	gro(p.here)
	c := openPacket(t, Config{})
	link, err := netlink.LinkByName(p.here)
	must(err)
	probes := probesOf(3000, c.Ports()[0])[1:2]
	if n, err := blast(t, c, probes); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	// Hops and routes are kept as they were: only the rings are to find out.
	c.ways.mu.Lock()
	must(netlink.LinkSetDown(link))
	for i := range c.ways.hops.table {
		c.ways.hops.table[i].valid = true
	}
	h := c.ways.hops.table[0]
	for i := range 3 * ringBurst {
		if err := c.out.add(&probes[0], i, &h); err != nil {
			break
		}
	}
	if place, err := c.out.finish(3 * ringBurst); place != 0 || !errors.Is(err, unix.ENETDOWN) {
		t.Errorf("down: place %d, %v", place, err)
	}
	for i := range c.out.rings {
		r := &c.out.rings[i]
		for slot := range ringSlots {
			if s := r.slot(slot).Status; s != unix.TP_STATUS_AVAILABLE || r.waiting != 0 {
				t.Fatalf("ring %d slot %d: status %d, %d waiting", i, slot, s, r.waiting)
			}
		}
	}
	must(netlink.LinkSetUp(link))
	c.ways.mu.Unlock()
	route(world4, peer4)
	p.known(peer4)
	probes = slices.DeleteFunc(probesOf(3000, c.Ports()[0])[2:], func(f craft.Fields) bool { return !f.Dst.Addr().Is4() })
	eventually(t, "the interface to come back", func() bool {
		r, err := c.Route(far4)
		return err == nil && r.NextHop == peer4
	})
	sent := c.Stats().Sent
	n, err := blast(t, c, probes)
	if n != len(probes) || err != nil || c.Stats().Sent != sent+uint64(n) {
		t.Fatalf("up again: %d, %v, %d sent", n, err, c.Stats().Sent-sent)
	}
	if answers := collect(t, c); len(answers) != n+1 {
		t.Errorf("%d answers, want %d", len(answers), n+1)
	}
}

// What is longer than the interface's MTU goes to the kernel's IP, which
// refuses it: a ring with virtio_net_hdr would let it pass.
func TestBlastBeyondTheMTU(t *testing.T) {
	p := newPeer(t)
	internet(t, p, lab.World{})
	s := craft.Segment{Src: probesOf(2, 1)[1].Src, Dst: probesOf(2, 1)[1].Dst, Flags: craft.SYN, Payload: make([]byte, 1461)}
	template, err := craft.NewTemplate(s)
	must(err)
	c, err := OpenPacket(nil, Templates{V4: template})
	must(err)
	defer c.Close()
	if n, err := c.Blast(probesOf(2, c.Ports()[0])[1:]); n != 0 || !errors.Is(err, unix.EMSGSIZE) {
		t.Error(n, err)
	}
}
