package wire

import (
	"net/netip"
	"testing"
	"time"

	"synscope/craft"
)

// A SYN-ACK that comes again a second after its RST tells that the RST was lost,
// once a connection; copies on the way and questions tell nothing, and memory is bounded.
func TestLostResets(t *testing.T) {
	closing := Response{
		Src: netip.MustParseAddrPort("192.0.2.1:40000"), Dst: netip.MustParseAddrPort("192.0.2.2:80"), Flags: craft.RST, Seq: 7,
	}
	other, question := closing, closing
	other.Seq, question.Flags = 8, craft.ACK
	var r Responder
	for _, step := range []struct {
		at   time.Duration
		x    Response
		want uint64
	}{
		{0, closing, 0}, {0, question, 0}, {300 * time.Millisecond, closing, 0}, {900 * time.Millisecond, other, 0},
		{1000 * time.Millisecond, closing, 1}, {1000 * time.Millisecond, question, 1}, {1100 * time.Millisecond, other, 1},
		{3000 * time.Millisecond, closing, 1}, {9000 * time.Millisecond, other, 2}, {11 * time.Second, closing, 2},
	} {
		if r.Add(step.x, step.at); r.LostResets() != step.want {
			t.Errorf("at %v: %d, want %d", step.at, r.LostResets(), step.want)
		}
	}
	for i := range uint32(5 * mostRemembered) {
		r.closings.left(uint64(i)+1<<32, 0, 0, 12*time.Second)
	}
	if n := len(r.closings.of) + len(r.closings.before); n > 2*mostRemembered {
		t.Errorf("%d connections are remembered", n)
	}
}

// A SYN-ACK that was under way when the RST left, or that another SYN with the same number asked for, tells of no lost
// RST: on a way of 1.5 s the host repeats at 1 s what the RST ends at 1.5 s.
func TestNoResetIsLostThatWasUnderWay(t *testing.T) {
	closing := Response{
		Src: netip.MustParseAddrPort("192.0.2.1:40000"), Dst: netip.MustParseAddrPort("192.0.2.2:80"), Flags: craft.RST, Seq: 7, Peer: 1,
	}
	const took = 1500 * time.Millisecond
	for _, lazy := range []bool{false, true} { // told how long ago the SYN left when it comes again alone
		var r Responder
		for _, step := range []struct {
			at   time.Duration
			peer craft.Seq
			want uint64
		}{
			{0, 1, 0}, {time.Second, 1, 0}, {2 * time.Second, 2, 0}, {3 * time.Second, 2, 0}, {5 * time.Second, 2, 0}, {7 * time.Second, 2, 1},
		} {
			x := closing
			x.Peer = step.peer
			if x.Since = took + step.at; lazy && step.at == 0 {
				x.Since = 0
			}
			if r.Add(x, step.at); r.LostResets() != step.want {
				t.Errorf("at %v: %d, want %d", step.at, r.LostResets(), step.want)
			}
		}
	}
}
