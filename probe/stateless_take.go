package probe

import (
	"time"

	"synscope/netraw"
)

// rejectUnverified counts answers that repeat no number of ours: without a
// record of probes nothing tells them from a stranger's packets.
const rejectUnverified = "unverified"

// take lets a batch of arrivals take effect.
func (w *wide) take(batch []event) {
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
	w.counters.Resets += w.packets.sendResets(w.net, w.resets)
	w.resets = w.resets[:0]
}

func (w *wide) handle(ev *event) {
	if ev.own || ev.kind == answerDeparture {
		return
	}
	countPacket(&w.counters, ev, w.accept)
}

// accept keeps an answer that is verified, and new or better than the one
// before, or says why it is rejected.
func (w *wide) accept(ev *event) (reject string) {
	switch {
	case !ev.kind.verified():
		return rejectUnverified
	case ev.kind == answerPathMTU:
		return rejectICMPType
	case ev.kind == answerSYNACK && !w.net.AnswersResets():
		w.resets = append(w.resets, reset{src: ev.seg.Dst, dst: ev.seg.Src, seq: ev.seg.Ack})
	}
	r := ev.kind.rank()
	before := w.seen.note(ev.target, r)
	if r <= before {
		return rejectDuplicate
	}
	w.lastNew = w.now
	s := sighting{event: *ev, before: before}
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
func (w *wide) measure(ev *event) (time.Duration, netraw.Clock) {
	_, echo, ok := ev.seg.Options.Timestamps()
	if !ok || echo == 0 || ev.kind != answerSYNACK || ev.seg.Src.Addr() == ev.seg.Dst.Addr() {
		return 0, netraw.ClockUser
	}
	n := w.matcher.cookie.numbers(ev.seg.Dst, ev.seg.Src, ev.attempt)
	ago := time.Duration(uint32(w.now/time.Microsecond)-(echo-uint32(n.ack))) * time.Microsecond
	if ago > min(longestRTT, w.now) {
		return 0, netraw.ClockUser
	}
	tx := transmission{sent: w.now - ago}
	return tx.elapsed(ev.at, w.wall.Add(-ago), w.now)
}
