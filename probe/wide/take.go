package wide

import (
	"time"

	"synscope/netraw"
	"synscope/probe/internal/wire"
)

// rejectUnverified counts answers that repeat no number of ours: without a
// record of probes nothing tells them from a stranger's packets.
const rejectUnverified = "unverified"

// take lets a batch of arrivals take effect.
func (w *run) take(batch []wire.Event) {
	if w.spare == nil {
		w.spare = w.outlet.next()
	}
	for i := range batch {
		w.handle(&batch[i])
	}
	if len(w.spare.sightings) > 0 {
		w.pass(w.spare)
		w.spare = nil
	}
	w.counters.Resets += w.packets.SendResets(w.net, w.resets)
	w.resets = w.resets[:0]
}

func (w *run) handle(ev *wire.Event) {
	if ev.Own || ev.Kind == wire.KindDeparture {
		return
	}
	wire.Count(&w.counters, ev, w.accept)
}

// accept keeps an answer that is verified, and new or better than the one
// before, or says why it is rejected.
func (w *run) accept(ev *wire.Event) (reject string) {
	switch {
	case !ev.Kind.Verified():
		return rejectUnverified
	case ev.Kind == wire.KindPathMTU:
		return wire.RejectICMPType
	case ev.Kind == wire.KindSYNACK && !w.net.AnswersResets():
		w.resets = append(w.resets, wire.Reset{Src: ev.Seg.Dst, Dst: ev.Seg.Src, Seq: ev.Seg.Ack})
	}
	r := ev.Kind.Rank()
	before := w.seen.note(ev.Target, r)
	if r <= before {
		return wire.RejectDuplicate
	}
	w.lastNew = w.now
	s := sighting{Event: *ev, before: before}
	s.rtt, s.clock = w.measure(ev)
	w.slowest = max(w.slowest, s.rtt)
	w.spare.sightings = append(w.spare.sightings, s)
	return ""
}

// longestRTT bounds what an echoed time stamp is believed: of echoes that are not
// ours but random, 0.7 % pass for a round trip.
const longestRTT = longestPatience

// measure reads the round-trip time from the timestamp option that a SYN-ACK
// echoes (RFC 7323 §3.2): TSecr less the transmission's offset is the clock at
// which it was sent, in microseconds modulo 2^32.
func (w *run) measure(ev *wire.Event) (time.Duration, netraw.Clock) {
	_, echo, ok := ev.Seg.Options.Timestamps()
	if !ok || echo == 0 || ev.Kind != wire.KindSYNACK || ev.Seg.Src.Addr() == ev.Seg.Dst.Addr() {
		return 0, netraw.ClockUser
	}
	n := w.matcher.Cookie.Numbers(ev.Seg.Dst, ev.Seg.Src, ev.Attempt)
	ago := time.Duration(uint32(w.now/time.Microsecond)-(echo-uint32(n.Ack))) * time.Microsecond
	if ago > min(longestRTT, w.now) {
		return 0, netraw.ClockUser
	}
	tx := wire.Stamps{Sent: w.now - ago}
	return tx.Elapsed(ev.At, w.wall.Add(-ago), w.now)
}
