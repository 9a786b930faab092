package discover

import (
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe"
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
	}
	switch {
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
	tx := h.transmission(ev)
	h.Time = ev.At
	h.RTT, h.Clock = tx.Elapsed(ev.At, e.Start.Add(tx.Sent), e.Now)
	e.Slowest = max(e.Slowest, e.Now-tx.Sent)
	if e.Ramp != nil {
		e.Ramp.Answered(0)
	}
	e.up(h, reasonOf(h.Addr, ev))
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
	if len(e.timers) == 0 || e.timers[0].At > e.Now {
		return
	}
	e.CatchUp()
	for len(e.timers) > 0 && e.timers[0].At <= e.Now {
		h := e.byID[e.timers.Pop().ID]
		switch {
		case h == nil: // it answered
		case h.queues:
			e.unqueue(h)
			e.approach(h)
		case h.place < len(h.segments()):
			e.begin(h) // the kernel refused what is left of the round
		case h.round+1 < rounds:
			h.round, h.place = h.round+1, 0
			e.approach(h)
		default:
			e.down(h, probe.ReasonNoResponse)
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
