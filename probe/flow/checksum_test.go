package flow_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
)

// spoil changes the last bytes of a packet, and leaves its checksum as it was.
func spoil(b []byte) { b[len(b)-1] ^= 0x55 }

// TestWrongChecksums: an answer whose checksum is wrong is none. What may be for
// another reason than damage is taken.
func TestWrongChecksums(t *testing.T) {
	const in, out, unsaid = flow.Inbound, flow.Outbound, flow.DirectionUnknown
	synack := func(k *talk) *talk { return k.say(0, 0, fS, 0).say(20*ms, 1, fSA, 0) }
	nothing := func([]flow.Packet) {}
	answer := func(ps []flow.Packet) { spoil(ps[1].Data) }
	for _, c := range []struct {
		name        string
		play        func(*talk) *talk
		syn, answer flow.Direction
		change      func([]flow.Packet)
		state       probe.State
		rejected    uint64
	}{
		{"all right", synack, out, in, nothing, probe.StateOpen, 0},
		{"a SYN-ACK", synack, out, in, answer, probe.StateUnknown, 1},
		{"a SYN-ACK from beyond a router", synack, unsaid, unsaid, answer, probe.StateUnknown, 1},
		{"an RST", func(k *talk) *talk { return k.say(0, 0, fS, 0).raw(20*ms, 1, fRA, 0, seq(0)) }, out, in, answer, probe.StateUnknown, 1},
		{"an ICMP error", func(k *talk) *talk { return k.say(0, 0, fS, 0).icmp(20*ms, 3, 1) }, out, in, answer, probe.StateUnknown, 1},
		{"zero", synack, out, in, func(ps []flow.Packet) { zeroSum(ps[1].Data) }, probe.StateUnknown, 1},
		{"left to the card by both ends", synack, out, in, func(ps []flow.Packet) { toCard(ps[0].Data); toCard(ps[1].Data) }, probe.StateOpen, 0},
		{"left to the card by the client", synack, out, in, func(ps []flow.Packet) { toCard(ps[0].Data); spoil(ps[1].Data) }, probe.StateUnknown, 1},
		{"all packets, since somebody rewrote the addresses", synack, out, in, func(ps []flow.Packet) { spoil(ps[0].Data); spoil(ps[1].Data) }, probe.StateOpen, 0},
		{"a SYN-ACK that was sent here", synack, in, out, answer, probe.StateOpen, 0},
		{"a SYN-ACK of which the end is missing", synack, out, in, func(ps []flow.Packet) {
			spoil(ps[1].Data)
			ps[1].Length = len(ps[1].Data)
			ps[1].Data = ps[1].Data[:len(ps[1].Data)-4]
		}, probe.StateOpen, 0},
	} {
		for _, n := range []int{1, 4} { // IPv4, IPv6
			k := newTalk(t, n, 0)
			packets := plain(c.play(k).packets)
			for i := range packets {
				if packets[i].Direction = c.syn; i > 0 {
					packets[i].Direction = c.answer
				}
			}
			c.change(packets)
			g, counts := through(t, flow.Config{}, packets...)
			if a := &g.attempts[0]; a.State != c.state || counts.Rejected["bad-checksum"] != c.rejected {
				t.Errorf("%s, %v: %v (%v), rejected %v; want %v, %d", c.name, k.server, a.State, a.Reason, counts.Rejected, c.state, c.rejected)
			}
		}
	}
}

// sumAt is where a TCP segment has its checksum.
func sumAt(b []byte) []byte {
	if b[0]>>4 == 4 {
		return b[20+16 : 20+18]
	}
	return b[40+16 : 40+18]
}

func zeroSum(b []byte) { binary.BigEndian.PutUint16(sumAt(b), 0) }

// toCard leaves the checksum to the card, as Linux does: what is there is the sum of
// the pseudo-header.
func toCard(b []byte) {
	pseudo := append([]byte(nil), b[12:20]...)
	n := len(b) - 20
	if b[0]>>4 == 6 {
		pseudo, n = append([]byte(nil), b[8:40]...), len(b)-40
	}
	pseudo = append(pseudo, 0, 6, byte(n>>8), byte(n))
	binary.BigEndian.PutUint16(sumAt(b), ^sumOf(pseudo))
}

// mendHeader gives an IPv4 header without options the checksum that it should have.
func mendHeader(b []byte) {
	binary.BigEndian.PutUint16(b[10:], 0)
	binary.BigEndian.PutUint16(b[10:], sumOf(b[:20]))
}

// TestFirstFragmentOfAnError: it has all that an ICMP error quotes.
func TestFirstFragmentOfAnError(t *testing.T) {
	k := newTalk(t, 1, 0).say(0, 0, fS, 0).icmp(20*ms, 3, 13)
	packets := plain(k.packets)
	packets[1].Data[6] |= 0x20 // more fragments
	mendHeader(packets[1].Data)
	g, _ := through(t, flow.Config{}, packets...)
	if a := &g.attempts[0]; a.State != probe.StateFiltered || a.ICMP == nil || a.Responder != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("%v (%v), %v from %v", a.State, a.Reason, a.ICMP, a.Responder)
	}
}

// TestFragmentsOfASYNACKWithFIN: what it acknowledges is the SYN, whatever is behind.
func TestFragmentsOfASYNACKWithFIN(t *testing.T) {
	k := newTalk(t, 1, 0).say(0, 0, fS, 0).say(20*ms, 1, fSA|craft.FIN, 100)
	whole := k.packets[1].data
	first, second := fragmentedAt(whole, 64)
	packets := append(plain(k.packets[:1]), plain([]stamped{{k.now, first}, {k.now, second}})...)
	g, _ := through(t, flow.Config{}, packets...)
	if a := &g.attempts[0]; len(g.attempts) != 1 || a.State != probe.StateOpen || a.Reason != probe.ReasonSYNACK || a.Gaps > 0 {
		t.Errorf("%d attempts, %v (%v), %d gaps", len(g.attempts), a.State, a.Reason, a.Gaps)
	}
}

// fragmentedAt makes two fragments of an IPv4 packet, n bytes of TCP in the first.
func fragmentedAt(b []byte, n int) (first, second []byte) {
	first = append([]byte(nil), b[:20+n]...)
	second = append(append([]byte(nil), b[:20]...), b[20+n:]...)
	for i, f := range [][]byte{first, second} {
		binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
		binary.BigEndian.PutUint16(f[6:], [...]uint16{0x2000, uint16(n / 8)}[i])
	}
	return first, second
}
