package text

import (
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"synscope/craft"
	"synscope/internal/report/record"
	"synscope/probe/handshake"
)

// TestLadderWidth: every rung fits the terminal, whatever its numbers; on one of 80
// columns the peer's state stands beside it, on a narrower one below.
func TestLadderWidth(t *testing.T) {
	for _, wide := range []int{0, 40, 47, 59, 60, 79, 80, 160} {
		ladderFits(t, wide)
	}
}

func ladderFits(t *testing.T, wide int) {
	l, most := &ladder{wide: wide}, min(wide, 80)
	if wide == 0 {
		most = 80
	}
	if n := utf8.RuneCountInString(l.header()); n > most {
		t.Errorf("%d columns of %d: %s", n, most, l.header())
	}
	for _, s := range []*record.Segment{
		{Out: true, Flags: "S", RelativeSeq: 0, Window: 65535, Local: handshake.SYNSent},
		{Flags: "S.", RelativeSeq: 0, RelativeAck: 1, Window: 65535, Ack: record.Some(craft.Seq(4294967295)), Local: handshake.Established, Peer: handshake.SYNReceived},
		{Out: true, Flags: "FP.", RelativeSeq: 99999, RelativeAck: 99999, Len: 1448, Window: 502, Ack: record.Some(craft.Seq(4294967295)), Seq: 4294967295,
			Options: []string{"nop", "nop", "TS val 4294967295 ecr 4294967295"}, Note: "retransmission, data without being asked, before the handshake is complete",
			Local: handshake.Established, Peer: handshake.SYNReceived},
		{Src: netip.MustParseAddrPort("203.0.113.9:0"), Note: "ICMP type 3 code 13 from 203.0.113.9", Local: handshake.SYNSent},
	} {
		for i, line := range l.rung(s) {
			if n := utf8.RuneCountInString(line); n > most {
				t.Errorf("%d columns of %d: %s", n, most, line)
			}
			if i == 0 && s.Flags != "" && most == 80 {
				if peer := strings.TrimRight(line, " "); s.Peer != handshake.Unknown && !strings.HasSuffix(peer, "  "+s.Peer.String()) {
					t.Errorf("peer's state is out of place: %q", line)
				}
			}
		}
	}
}
