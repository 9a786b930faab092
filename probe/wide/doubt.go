package wide

import (
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// TargetIndexer is a Plan that knows where a target is in it. With it, an answer
// that carries no number of ours counts only for what has been probed.
type TargetIndexer interface {
	Index(target netip.AddrPort) (i uint64, ok bool)
}

// mostDoubts bounds how many targets are remembered whose answer proved nothing.
const mostDoubts = 1 << 16

// doubt is what is remembered of a target that answered without a number of
// ours: until the question that it was asked is answered, or was in vain.
type doubt struct {
	target    netip.AddrPort
	outcome   wire.Outcome
	attempts  int // the transmission that was answered first
	due       time.Duration
	delivered bool
}

// doubts are those of a run, the oldest first.
type doubts struct {
	of    map[netip.AddrPort]*doubt
	queue []*doubt
}

// unproven tells whether an answer has to be weighed with what came before it:
// one that carries no number of ours, is an answer only to a SYN-ACK of ours, or
// says nothing of the port.
func unproven(k wire.Kind) bool {
	return !k.Verified() || k == wire.KindACK || k == wire.KindPathMTU
}

// doubtOf is what is remembered of the target of an answer, which prolongs a run by
// one wait for answers at most, however many come without a number of ours; made at first need;
// nil where there is no doubt, or the answer cannot be one.
func (w *run) doubtOf(ev *wire.Event) (d *doubt, reject string) {
	if unproven(ev.Kind) && !ev.ArrivedAt(w.sources.from(ev.Seg.Dst.Port(), ev.Target).addr) {
		return nil, wire.RejectUnsolicited
	}
	if d = w.doubts.of[ev.Target]; d != nil || !unproven(ev.Kind) {
		return d, ""
	}
	switch {
	case w.seen.rank(ev.Target) != wire.RankSilence: // also where nothing better came before
		return nil, wire.RejectAfterVerdict
	case !w.probed(ev.Target, ev.Attempt):
		return nil, wire.RejectUnsolicited
	case len(w.doubts.of) >= mostDoubts:
		return nil, rejectUnverified
	}
	d = &doubt{target: ev.Target, attempts: ev.Attempt + 1}
	d.due = w.now + time.Duration(w.passes-1)*w.cfg.Timeout + w.patience()
	w.doubts.of[ev.Target] = d
	w.doubts.queue = append(w.doubts.queue, d)
	if w.now < w.lastSend+w.patience() {
		w.lastNew = w.now
	}
	return d, ""
}

// probed tells whether an attempt at a target may have left. Where the plan does
// not say, it is taken to have: then no answer without a number counts.
func (w *run) probed(target netip.AddrPort, attempt int) bool {
	plan, ok := w.cfg.Plan.(TargetIndexer)
	if !ok {
		return true
	}
	i, ok := plan.Index(target)
	return ok && i >= w.cfg.From && i < w.sender.attempted(attempt).position()
}

// weigh lets an answer of a target in doubt count, and does what it calls for.
func (w *run) weigh(d *doubt, ev *wire.Event) (reject string) {
	do, reject := d.outcome.Take(w.cfg.Technique, ev.Target, ev)
	switch {
	case reject != "":
		return reject
	case do == wire.ActAsk:
		numbers := w.matcher.Cookie.Numbers(ev.Seg.Dst, ev.Seg.Src, ev.Attempt)
		w.responses.add(wire.Ask(ev, numbers), w.now)
	case do == wire.ActShrink:
		q := &ev.Quote
		w.responses.add(wire.Response{Src: q.Src, Dst: q.Dst, Flags: craft.SYN, Seq: q.Seq, Link: ev.Link, Attempt: ev.Attempt}, w.now)
	case do == wire.ActRenew, do == wire.ActFinish && ev.Kind == wire.KindACK:
		w.responses.add(wire.CloseAfter(ev), w.now)
	}
	if do != wire.ActFinish && do != wire.ActSettle {
		return ""
	}
	d.delivered, d.attempts = true, ev.Attempt+1
	return w.deliver(ev, d)
}

// expireDoubts ends those whose time is up by then.
func (w *run) expireDoubts(by time.Duration) {
	for len(w.doubts.queue) > 0 && w.doubts.queue[0].due <= by {
		d := w.doubts.queue[0]
		w.doubts.queue = w.doubts.queue[1:]
		delete(w.doubts.of, d.target)
		if !d.delivered {
			w.unresolved(d)
		}
	}
}

// unresolved reports a target whose answers proved nothing, if it is one of the
// plan. What it was taken for is told with the finding about it.
func (w *run) unresolved(d *doubt) {
	if _, known := w.cfg.Plan.(TargetIndexer); !known {
		return
	}
	rank := d.outcome.Rank
	if d.outcome.Best == nil {
		rank = wire.RankICMP // silence is filtered, as most ICMP errors are
	}
	if w.seen.note(d.target, rank, -1).rank == wire.RankSilence {
		v := d.verdict(w.cfg.Technique)
		*w.results().add() = answer{verdict: &v}
	}
}

// unanswered tells whether a SYN that is sent once more may be the first to be answered.
func (d *doubt) unanswered() bool { return d == nil || d.outcome.Unanswered() }

func (d *doubt) verdict(t *probe.Technique) probe.Verdict {
	v := d.outcome.Verdict(t, d.target)
	v.Attempts = d.attempts
	return v
}
