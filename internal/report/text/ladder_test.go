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

// TestLadderWidth: every rung fits a terminal of 80 columns, whatever its
// numbers, and all arrows end in one column.
func TestLadderWidth(t *testing.T) {
	l := &ladder{}
	for _, s := range []*record.Segment{
		{Out: true, Flags: "S", RelativeSeq: 0, Window: 65535, Local: handshake.SYNSent},
		{Flags: "S.", RelativeSeq: 0, RelativeAck: 1, Window: 65535, Ack: record.Some(craft.Seq(4294967295)), Local: handshake.Established, Peer: handshake.SYNReceived},
		{Out: true, Flags: "FP.", RelativeSeq: 99999, RelativeAck: 99999, Len: 1448, Window: 502, Ack: record.Some(craft.Seq(4294967295)), Seq: 4294967295,
			Options: []string{"nop", "nop", "TS val 4294967295 ecr 4294967295"}, Note: "retransmission, data without being asked, before the handshake is complete",
			Local: handshake.Established, Peer: handshake.SYNReceived},
		{Src: netip.MustParseAddrPort("203.0.113.9:0"), Note: "ICMP type 3 code 13 from 203.0.113.9", Local: handshake.SYNSent},
	} {
		for i, line := range l.rung(s) {
			if n := utf8.RuneCountInString(line); n > 80 {
				t.Errorf("%d columns: %s", n, line)
			}
			if i == 0 && s.Flags != "" {
				if peer := strings.TrimRight(line, " "); s.Peer != handshake.Unknown && !strings.HasSuffix(peer, "  "+s.Peer.String()) {
					t.Errorf("peer's state is out of place: %q", line)
				}
			}
		}
	}
}
