package probetest

import (
	"time"

	"synscope/craft"
	"synscope/probe/simnet"
)

// WithoutFirst is a host of which the way back loses the first SYN-ACK to each SYN: what
// comes is the host's retransmission.
func WithoutFirst(h simnet.Host) simnet.Host {
	lost := map[synID]bool{}
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		h.Respond(now, in, withoutFirst{out, lost})
	})
}

type withoutFirst struct {
	simnet.Emitter
	lost map[synID]bool // by what it acknowledges
}

func (w withoutFirst) Segment(after time.Duration, s *craft.Segment) {
	if s.Flags.Has(craft.SYN | craft.ACK) {
		if id := (synID{s.Dst, s.Src, s.Ack}); !w.lost[id] {
			w.lost[id] = true
			return
		}
	}
	w.Emitter.Segment(after, s)
}

func (w withoutFirst) Schedule(after time.Duration, f func(time.Time, simnet.Emitter)) *simnet.Timer {
	return w.Emitter.Schedule(after, func(now time.Time, out simnet.Emitter) {
		w.Emitter = out
		f(now, w)
	})
}
