package handshake

import (
	"testing"
	"time"

	"synscope/probe"
	"synscope/probe/simnet"
)

// On a way that takes longer than hosts and we wait before something is retransmitted, SYN-ACKs come that
// left before our ACK was there: no ACK was lost, and no data is waited for.
func TestLongWaysLoseNoACK(t *testing.T) {
	for _, takes := range []time.Duration{1200 * time.Millisecond, 1500 * time.Millisecond, 2500 * time.Millisecond} {
		way := simnet.Path{Delay: takes/2 - 10*time.Millisecond}
		o := scene{host: healthy(), out: way, back: way}.play(t)
		if r := &o.result; r.State != probe.StateOpen || has(r, "synack-repeated") || has(r, "accept-queue-full") || has(r, "fin-retransmissions") {
			t.Errorf("%v: %s %v\n%v", takes, r.State, codes(r), o.lines)
		}
	}
}
