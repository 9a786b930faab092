package live

import (
	"math/rand/v2"
	"testing"

	"synscope/craft"
)

// seg is a segment of the peer's.
func seg(f craft.Flags, seq, ack craft.Seq) *craft.Segment {
	return &craft.Segment{Flags: f, Seq: seq, Ack: ack}
}

const peerISN = 1 << 20

// talked are the numbers of a SYN, of an ACK and a FIN alone, and of a connection.
func talked(first craft.Flags, open bool) *numbers {
	n := &numbers{}
	ack := craft.Seq(0)
	if first.Has(craft.ACK) {
		ack = 2000
	}
	n.said(seg(first, 1000, ack))
	if open {
		n.heard(seg(craft.SYN|craft.ACK, peerISN, 1001))
		n.said(seg(craft.ACK, 1001, peerISN+1))
		n.said(seg(craft.ACK|craft.PSH, 1001, peerISN+1))
	}
	return n
}

// What a client's TCP would take counts, and nothing else.
func TestNumbersThatCount(t *testing.T) {
	const synack, rstack, finack = craft.SYN | craft.ACK, craft.RST | craft.ACK, craft.FIN | craft.ACK
	for _, tc := range []struct {
		name  string
		first craft.Flags
		open  bool
		in    *craft.Segment
		want  bool
	}{
		{"SYN-ACK", craft.SYN, false, seg(synack, 77, 1001), true},
		{"SYN-ACK of another number", craft.SYN, false, seg(synack, 77, 1002), false},
		{"RST that acknowledges", craft.SYN, false, seg(rstack, 0, 1001), true},
		{"RST of another number", craft.SYN, false, seg(rstack, 0, 1000), false},
		{"RST alone to a SYN", craft.SYN, false, seg(craft.RST, 1001, 0), false},
		{"ACK that acknowledges", craft.SYN, false, seg(craft.ACK, 77, 1001), true},
		{"ACK of another number", craft.SYN, false, seg(craft.ACK, 77, 5), false},
		{"SYN alone", craft.SYN, false, seg(craft.SYN, 77, 0), false},
		{"RST to an ACK", craft.ACK, false, seg(craft.RST, 2000, 0), true},
		{"another RST to an ACK", craft.ACK, false, seg(craft.RST, 2001, 0), false},
		{"SYN-ACK to an ACK", craft.ACK, false, seg(synack, 1, 1001), false},
		{"RST to a FIN", craft.FIN, false, seg(rstack, 0, 1001), true},
		{"RST of 4.4BSD to a FIN", craft.FIN, false, seg(rstack, 0, 1000), true},
		{"another RST to a FIN", craft.FIN, false, seg(rstack, 0, 1002), false},
		{"RST alone to a FIN", craft.FIN, false, seg(craft.RST, 0, 0), false},
		{"data", craft.SYN, true, seg(craft.ACK|craft.PSH, peerISN+1, 1001), true},
		{"data from before the window", craft.SYN, true, seg(craft.ACK, peerISN-(1<<17), 1001), false},
		{"data from behind the window", craft.SYN, true, seg(craft.ACK, peerISN+(1<<17), 1001), false},
		{"an ACK of what was not sent", craft.SYN, true, seg(craft.ACK, peerISN+1, 900), false},
		{"FIN", craft.SYN, true, seg(finack, peerISN+1, 1002), true},
		{"RST at the next number", craft.SYN, true, seg(craft.RST, peerISN+1, 0), true},
		{"RST in the window", craft.SYN, true, seg(craft.RST, peerISN+9, 0), false},
		{"RST in the window that acknowledges", craft.SYN, true, seg(rstack, peerISN+9, 1001), true},
		{"RST to the SYN, late", craft.SYN, true, seg(rstack, 0, 1001), true},
		{"the SYN-ACK again", craft.SYN, true, seg(synack, peerISN, 1001), true},
		{"another SYN-ACK", craft.SYN, true, seg(synack, peerISN+1, 1001), false},
	} {
		if got := talked(tc.first, tc.open).answeredBy(tc.in); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// Of segments with numbers at random, whatever their flags, none counts: the
// likeliest would once in 2³⁰.
func TestNumbersAtRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, first := range []craft.Flags{craft.SYN, craft.ACK, craft.FIN} {
		for _, open := range []bool{false, first == craft.SYN} {
			n := talked(first, open)
			for range 500_000 {
				s := seg(craft.Flags(rng.Uint32()&0x1f), craft.Seq(rng.Uint32()), craft.Seq(rng.Uint32()))
				if n.answeredBy(s) {
					t.Fatalf("%v, open %v: %v seq %d ack %d", first, open, s.Flags, s.Seq, s.Ack)
				}
			}
		}
	}
}
