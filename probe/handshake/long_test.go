package handshake

import (
	"testing"
	"time"

	"synscope/craft"
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

// once answers each SYN with one SYN-ACK, and retransmits none.
var once = simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
	val, _, _ := in.Options.Timestamps()
	options, _ := craft.NewOptions(craft.MSS(1460), craft.Timestamps(1, val))
	if in.Flags.Has(craft.SYN) {
		out.Segment(0, &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Seq: 7, Ack: in.Seq.Add(1), Flags: craft.SYN | craft.ACK, Window: 64240, Options: options})
	}
})

// The SYN-ACK for a SYN of ours that was retransmitted while the first SYN-ACK was under way
// is no retransmission of the host's, and no step of its schedule.
func TestAnswersToOurRetransmissionsAreNoRetransmissions(t *testing.T) {
	for _, withhold := range []Withhold{WithholdNothing, WithholdSYNACKAck} {
		for _, takes := range []time.Duration{20 * time.Millisecond, 1300 * time.Millisecond, 1700 * time.Millisecond} {
			way := simnet.Path{Delay: takes / 2}
			r := scene{host: once, out: way, back: way, cfg: Config{Withhold: withhold, Watch: 10 * time.Second}}.play(t).result
			if r.State != probe.StateOpen || r.SYNACKRetransmits != 0 || len(r.SYNACKSchedule) != 0 || has(&r, "synack-retransmissions") {
				t.Errorf("%v, withheld %v: %s, SYN-ACK retransmitted %d times, at %v: %v", takes, withhold, r.State, r.SYNACKRetransmits, r.SYNACKSchedule, codes(&r))
			}
		}
	}
}
