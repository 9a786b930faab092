package flow_test

import (
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

// TestSentAnew: what comes again at once, under the same stamp or an earlier one,
// and with the next IP identification, was retransmitted; with the same one it
// was captured twice.
func TestSentAnew(t *testing.T) {
	for _, early := range []time.Duration{0, 3 * us} {
		for _, anew := range []bool{true, false} {
			k := data(data(newTalk(t, 1, 0).open(), 0, 100), 1, 900)
			for range 4 {
				k.say(20*us, 1, fP, 1400)
			}
			again := prev(k, 1, 2800)
			k.say(20*us, 0, fA, 0)
			for n := range uint16(2) {
				k.again(0, 1, fP, again, 1400)
				last := &k.packets[len(k.packets)-1]
				var p craft.Packet
				p.Decode(last.data, craft.TrustChecksums)
				if !anew {
					p.Segment.ID -= 2 + n
				}
				last.data, _ = p.Segment.AppendTo(nil)
				last.at = last.at.Add(-early)
			}
			g, counts := through(t, flow.Config{}, plain(k.packets)...)
			a := &g.attempts[0]
			want := [2]int{0, 2}
			if anew {
				want = [2]int{2, 0}
			}
			if got := [2]int{a.Retransmissions(handshake.Server), int(counts.Duplicates)}; got != want {
				t.Errorf("anew %v, %v early: %d retransmissions and %d duplicates, not %v", anew, early, got[0], got[1], want)
			}
		}
	}
}
