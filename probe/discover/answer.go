package discover

import (
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/limit"
	"synscope/probe/internal/wire"
)

// handle counts one packet, and lets it take effect.
func (e *engine) handle(ev *wire.Event) {
	h := e.hosts[wire.AsCarried(ev.Target.Addr(), ev.Link)]
	switch {
	case ev.Kind == wire.KindDeparture:
		if h != nil {
			if tx := h.transmission(ev); tx != nil {
				tx.Left = ev.At.UnixNano()
			}
		}
		return
	case ev.Own:
		return
	}
	wire.Count(&e.Counters.Summary, ev, func(ev *wire.Event) string { return e.accept(h, ev) })
}

// accept lets an answer decide a host, or says why it is rejected.
func (e *engine) accept(h *host, ev *wire.Event) (reject string) {
	if h != nil && !ev.ArrivedAt(h.source) {
		return wire.RejectUnsolicited
	}
	if ev.Kind == wire.KindSYNACK {
		e.Responses.Add(wire.CloseAfter(ev), e.Now)
		e.noteOpen(h, ev)
	}
	switch {
	case h == nil && e.answersTrial(ev):
		return ""
	case h == nil:
		return wire.RejectAfterVerdict
	case ev.Attempt > h.round || h.transmission(ev) == nil:
		return wire.RejectUnsolicited
	case ev.Kind == wire.KindUnverifiedReset || ev.Kind == wire.KindSYN:
		return e.ask(h, ev)
	case !ev.Kind.Verified() || ev.Kind == wire.KindPathMTU:
		return wire.RejectUnsolicited
	case ev.Kind == wire.KindICMP && ev.Sender != h.Addr.WithZone(""):
		h.Reason, _ = probe.ICMPMeaning(h.Addr, ev.ICMP.Type, ev.ICMP.Code)
		return ""
	}
	e.answered(h, ev)
	return ""
}

// mostAsked is how many questions about answers without a number of ours one host
// is worth: one for each of its segments, and some for strangers.
const mostAsked = 8

// ask asks about an answer that has no number of ours.
func (e *engine) ask(h *host, ev *wire.Event) string {
	if h.asked >= mostAsked {
		return wire.RejectDuplicate
	}
	h.asked++
	n := e.Matcher.Cookie.Numbers(ev.Seg.Dst, ev.Seg.Src, ev.Attempt)
	if !e.Responses.Add(wire.Ask(ev, n), e.Now) {
		return wire.RejectDuplicate
	}
	return ""
}

func (e *engine) answered(h *host, ev *wire.Event) {
	if h.placed {
		e.Crowds.Answered(h.Addr, h.entered, e.Now)
	}
	tx, sent := h.answered(ev)
	h.Time, h.TTL = ev.At, ev.Seg.TTL
	if sent.flags != craft.SYN || !ev.Indirect() { // whose time is that of two round trips
		h.RTT, h.Clock = tx.Elapsed(ev.At, e.Start.Add(tx.Sent), e.Now)
	}
	if mayBeRepeated(ev, e.Now-tx.Sent) {
		h.RTT, h.Clock = 0, netraw.ClockNone
	}
	first := e.Slowest == 0
	if e.Slowest = max(e.Slowest, e.Now-tx.Sent); first {
		e.hasten()
	}
	if e.Ramp != nil {
		e.Ramp.Answered(0)
	}
	e.tryLoss(h, ev)
	e.up(h, reasonOf(h.Addr, ev))
}

// mayBeRepeated tells whether an answer that took so long may be a SYN-ACK that was sent once more, and
// its time no round trip: nothing else is known of its host.
func mayBeRepeated(ev *wire.Event, took time.Duration) bool {
	return ev.Kind == wire.KindSYNACK && wire.Repeats(took, 0)
}

func reasonOf(a netip.Addr, ev *wire.Event) probe.Reason {
	switch ev.Kind {
	case wire.KindSYNACK:
		return probe.ReasonSYNACK
	case wire.KindACK:
		return probe.ReasonSplitHandshake
	case wire.KindEcho:
		if ev.Echo == craft.TimestampReply {
			return probe.ReasonTimestamp
		}
		return probe.ReasonEchoReply
	case wire.KindICMP:
		reason, _ := probe.ICMPMeaning(a, ev.ICMP.Type, ev.ICMP.Code)
		return reason
	}
	return probe.ReasonReset
}

// expire gives hosts their second round, and up those that had it, once what
// has arrived by now was taken in.
func (e *engine) expire() {
	if next, ok := e.timers.Next(); !ok || next.At > e.Now {
		return
	}
	e.CatchUp()
	for {
		t, ok := e.timers.Due(e.Now)
		if !ok {
			return
		}
		h := e.byID[t.ID]
		switch {
		case !e.current(t):
		case h.queues:
			e.unqueue(h)
			e.approach(h)
		case h.place < len(h.segments()):
			e.begin(h) // the kernel refused what is left of the round
		case h.began+e.patience() > e.Now: // others turned out to be as far away
			e.expect(h, h.began+e.patience())
		case e.slow.state == paceTrying || e.awaitsTrials():
			e.expect(h, e.Now+limit.Look)
		case h.round+1 < e.worthRounds(h) && e.Stopping: // nobody knows whether it is there
		case h.round+1 < e.worthRounds(h):
			h.round, h.place, h.began = h.round+1, 0, 0
			e.approach(h)
		default:
			e.keepSilent(h)
		}
	}
}

const (
	// shortestWait bounds from below what the answers of other hosts make
	// believe of one that has not answered.
	shortestWait = 250 * time.Millisecond
	waitFactor   = 4
)

// patience is how long the answers of a round are waited for: by the slowest
// host that answered, where one did.
func (e *engine) patience() time.Duration {
	if e.Slowest == 0 {
		return e.cfg.Timeout
	}
	return min(max(waitFactor*e.Slowest, shortestWait), e.cfg.Timeout)
}

// expect has a host looked at again at a time, and not before.
func (e *engine) expect(h *host, at time.Duration) {
	h.due = at
	e.timers.Push(wire.Timer{At: at, ID: h.id})
}

// current tells whether a timer is the latest of a host that is not decided.
func (e *engine) current(t wire.Timer) bool { h := e.byID[t.ID]; return h != nil && h.due == t.At }

// hasten shortens the waits that began before anybody had answered.
func (e *engine) hasten() {
	for _, h := range e.byID { // in the same order each time
		if h == nil {
			continue
		}
		if at := h.began + e.patience(); h.began > 0 && !h.queues && h.place == len(h.segments()) && at < h.due {
			e.expect(h, max(at, e.Now))
		}
	}
}
