package netraw

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// TestReceiveFilterInKernel sends every row of the truth table over a veth
// pair, in its direction, and compares what the kernel lets through.
func TestReceiveFilterInKernel(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	t.Run("socket", func(t *testing.T) { testReceiveFilter(t, Config{WatchOutgoing: true}) })
	t.Run("frames", func(t *testing.T) { testReceiveFilter(t, Config{WatchOutgoing: true, SharedFrames: true}) })
}

func testReceiveFilter(t *testing.T, cfg Config) {
	p := newPeer(t)
	c := &Conn{}
	if err := intakeOf(c, cfg, receiveFilter(filterPorts)); err != nil {
		t.Fatal(err)
	}
	defer c.close()

	type key struct {
		outgoing bool
		pkt      string
	}
	type verdict struct {
		name         string
		passed, want bool
	}
	verdicts := make(map[key]*verdict)
	for _, fc := range filterCases() {
		k := key{fc.outgoing, string(fc.pkt)}
		if fc.etherType == 0x0806 {
			continue // the same bytes as another row; checked apart below
		}
		if verdicts[k] != nil {
			t.Fatalf("%s and %s are the same packet", fc.name, verdicts[k].name)
		}
		verdicts[k] = &verdict{name: fc.name, want: fc.pass}
		p.inject(t, fc)
	}
	all := func(pkt Packet) bool {
		if v := verdicts[key{pkt.Outgoing, string(pkt.Data)}]; v != nil {
			v.passed = true
		}
		for _, v := range verdicts {
			if v.want && !v.passed {
				return false
			}
		}
		return true
	}
	for _, pkt := range gatherAll(t, c, 200*time.Millisecond, all) {
		all(pkt)
	}
	for _, v := range verdicts {
		if v.passed != v.want {
			t.Errorf("%s: passed %v, want %v", v.name, v.passed, v.want)
		}
	}
	for _, fc := range filterCases() {
		if fc.etherType == 0x0806 {
			p.inject(t, fc)
		}
	}
	if seen := gather(t, c, 100*time.Millisecond, nil); len(seen) != 0 {
		t.Errorf("%d packets of another ethertype passed", len(seen))
	}
}

// inject puts the packet on the link: at our end if it is outgoing, else at
// the peer's.
func (p *peer) inject(t *testing.T, fc filterCase) {
	t.Helper()
	emit := func() {
		device := p.there
		if fc.outgoing {
			device = p.here
		}
		ifi, err := net.InterfaceByName(device)
		must(err)
		fd, known := p.ends[device]
		if !known { // it is kept, as that of wire is
			fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			must(err)
			p.ends[device] = fd
			t.Cleanup(func() { unix.Close(fd) })
		}
		must(unix.Sendto(fd, fc.pkt, 0, &unix.SockaddrLinklayer{
			Protocol: htons(fc.etherType), Ifindex: ifi.Index, Halen: 6,
			Addr: [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		}))
	}
	if fc.outgoing {
		emit()
		return
	}
	p.do(emit)
}
