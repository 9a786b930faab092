package probetest

import (
	"time"

	"synscope/craft"
	"synscope/probe/simnet"
)

// TimeWait is a host that holds an old connection in TIME-WAIT which no RST ends (RFC 1337 §3, fix F1): it takes
// a SYN whose number and time stamp are beyond the old ones, and acknowledges any other segment with those.
type TimeWait struct {
	simnet.Host             // that answers once the old connection is gone
	Next        craft.Seq   // what the old connection expects
	Stamp       uint32      // the last time stamp of its other end
	Refuses     int         // how many SYNs it does not take, whatever their numbers
	Challenged  []craft.Seq // numbers of those that it did not
	over        bool
}

// Respond implements simnet.Host.
func (h *TimeWait) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	h.over = h.over || h.takes(in)
	switch {
	case h.over:
		h.Host.Respond(now, in, out)
	case !in.Flags.Has(craft.RST):
		h.Challenged = append(h.Challenged, in.Seq)
		options, err := craft.NewOptions(craft.Timestamps(1, h.Stamp))
		if err != nil {
			panic(err) // ten bytes always fit
		}
		out.Segment(0, &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Flags: craft.ACK, Seq: 1, Ack: h.Next, Options: options})
	}
}

func (h *TimeWait) takes(in *craft.Segment) bool {
	val, _, stamped := in.Options.Timestamps()
	if in.Flags != craft.SYN || len(h.Challenged) < h.Refuses {
		return false
	}
	return h.Refuses > 0 || h.Next.LessThan(in.Seq) && (!stamped || int32(val-h.Stamp) > 0)
}
