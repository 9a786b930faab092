package wide

import (
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe/internal/wire"
)

// rejectUnverified counts answers that repeat no number of ours, beyond those
// that are remembered.
const rejectUnverified = "unverified"

// take lets a batch of arrivals take effect.
func (w *run) take(events []wire.Event) {
	for i := range events {
		w.handle(&events[i])
	}
	w.flush()
}

// results are those that are gathered for the output.
func (w *run) results() *batch {
	if w.spare == nil {
		w.spare = w.output.next()
	}
	return w.spare
}

// flush hands the gathered results on.
func (w *run) flush() {
	if w.spare != nil && len(w.spare.answers) > 0 {
		w.pass(w.spare)
		w.spare = nil
	}
}

func (w *run) handle(ev *wire.Event) {
	if ev.Own || ev.Kind == wire.KindDeparture {
		return
	}
	w.noteStray(ev)
	wire.Count(&w.counters, ev, w.accept)
	if ev.Answers() {
		w.silence.hear(w.now)
	}
}

// accept keeps an answer that is new or better than the one before, or says why
// it is rejected. What carries no number of ours is asked about.
func (w *run) accept(ev *wire.Event) (reject string) {
	if a := ev.Target.Addr(); a.Is6() && a.IsLinkLocalUnicast() {
		ev.Target = netip.AddrPortFrom(w.sources.inZone(a, ev.Link), ev.Target.Port())
	}
	if ev.Kind == wire.KindPathMTU && !w.cfg.Technique.Opens() { // it has no options to leave out
		return wire.RejectICMPType
	}
	if ev.Kind == wire.KindSYNACK && !w.net.AnswersResets() {
		closing := wire.CloseAfter(ev)
		if w.seen.rank(ev.Target) == wire.RankOpen { // it comes again
			closing.Since = w.since(ev)
		}
		w.responses.add(closing, w.now)
	}
	if len(w.doubts.of) > 0 || unproven(ev.Kind) {
		if d, reject := w.doubtOf(ev); reject != "" {
			return reject
		} else if d != nil {
			return w.weigh(d, ev)
		}
	}
	return w.deliver(ev, nil)
}

// deliver reports a verified answer, of a target in doubt or of any other.
func (w *run) deliver(ev *wire.Event, d *doubt) (reject string) {
	r := ev.Kind.Rank()
	known := w.seen.note(ev.Target, r, ev.Attempt)
	w.same.hear(ev)
	if d == nil && !w.same.asked[ev.Target] && w.silence.since == 0 && ev.Attempt < w.passes {
		w.noteTrial(ev, trialOf(r, ev.Attempt, known.latest))
	}
	w.noteQueue(ev, known.latest)
	before := known.rank
	if r <= before {
		return wire.RejectDuplicate
	}
	w.lastNew = w.now
	if w.whole.note(ev.Target, r); w.whole.all() {
		w.rest()
	}
	if before == wire.RankSilence && r >= wire.RankReset && w.mindsLimits() || w.limit.began > 0 {
		w.placeLimit(ev)
	}
	w.silence.answered(ev)
	w.letFollow()
	a := w.results().add()
	a.Event, a.before, a.verdict = *ev, known, nil
	a.rtt, a.clock = w.measure(ev)
	a.again, a.noted = w.persisted(ev, a.rtt)
	w.timeNear(ev, a.rtt)
	if a.rtt > 0 && (w.quickest == 0 || a.rtt < w.quickest) {
		w.quickest = a.rtt
	}
	if !wire.Repeats(a.rtt, w.quickest) { // a retransmitted SYN-ACK is no measure of the way
		w.slowest = max(w.slowest, a.rtt)
	}
	if wire.Repeats(a.rtt, 0) { // of one host nothing else is remembered: nobody knows which it was
		a.rtt, a.clock = 0, netraw.ClockNone
	}
	if d != nil {
		v := d.verdict(w.cfg.Technique)
		v.RTT, v.Clock = a.rtt, a.clock
		v.Findings = wire.Noting(v.Findings, a.noted...)
		a.verdict = &v
	}
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
		return 0, netraw.ClockNone
	}
	n := w.matcher.Cookie.Numbers(ev.Seg.Dst, ev.Seg.Src, ev.Attempt)
	ago := time.Duration(clockAt(w.now)-(echo-uint32(n.Ack))) * time.Microsecond
	if ago > min(longestRTT, w.now) {
		return 0, netraw.ClockNone
	}
	tx := wire.Stamps{Sent: w.now - ago}
	return tx.Elapsed(ev.At, w.wall.Add(-ago), w.now)
}
