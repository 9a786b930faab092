package flow_test

import (
	"testing"

	"synscope/probe/flow"
)

// TestRejectedIsNamed: what is not TCP is counted under its protocol.
func TestRejectedIsNamed(t *testing.T) {
	k4, k6 := newTalk(t, 1, 0).open(), newTalk(t, 4, 0).open()
	for _, c := range []struct {
		protocol byte
		want     string
	}{{17, "udp"}, {132, "sctp"}, {89, "ospf"}, {200, "ip-protocol-200"}, {50, "esp"}} {
		four, six := plain(k4.packets[:1]), plain(k6.packets[:1])
		four[0].Data[9], six[0].Data[6] = c.protocol, c.protocol
		_, counts := through(t, flow.Config{}, four[0], six[0])
		if counts.Rejected[c.want] != 2 {
			t.Errorf("protocol %d: %v", c.protocol, counts.Rejected)
		}
	}
}
