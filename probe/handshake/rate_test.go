package handshake

import (
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/simnet"
)

// A peer that sends a hundred segments a second gets no more than the rate allows: what is
// acknowledged late is acknowledged together, and the connection ends in good order.
func TestRateHoldsForAcknowledgements(t *testing.T) {
	const rate, segments = 5, 600
	var sent []time.Duration
	var start time.Time
	var acked craft.Seq
	talker := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if start.IsZero() {
			start = now
		}
		sent = append(sent, now.Sub(start))
		if in.Flags.Has(craft.ACK) && acked.LessThan(in.Ack) {
			acked = in.Ack
		}
		if in.Flags != craft.SYN {
			return
		}
		out.Segment(0, &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 60, Seq: 99, Ack: in.Seq.Add(1), Flags: craft.SYN | craft.ACK, Window: 64240})
		for i := range segments {
			out.Segment(50*time.Millisecond+time.Duration(i)*10*time.Millisecond, &craft.Segment{
				Src: in.Dst, Dst: in.Src, TTL: 60, Seq: craft.Seq(100 + 10*i), Ack: in.Seq.Add(1), Flags: craft.ACK | craft.PSH, Window: 64240, Payload: []byte("0123456789"),
			})
		}
	})
	o := scene{host: talker, cfg: Config{Rate: rate}}.play(t)
	if o.err != nil || o.result.State != probe.StateOpen {
		t.Errorf("%v, %v", o.result.State, o.err)
	}
	for i := 1; i < len(sent); i++ {
		if gap := sent[i] - sent[i-1]; gap < time.Second/rate {
			t.Errorf("segment %d %v after the one before", i, gap)
		}
	}
	if acked != 100+10*segments {
		t.Errorf("acknowledged up to %d", acked)
	}
	if len(sent) < 20 || len(sent) > 50 {
		t.Errorf("%d segments in %v", len(sent), o.took)
	}
	sent, start, acked = nil, time.Time{}, 0
	if o := (scene{host: talker, cfg: Config{}}).play(t); len(sent) < segments {
		t.Errorf("without a rate %d segments in %v", len(sent), o.took)
	}
}
