package wide

import (
	"net/netip"
	"time"

	"synscope/probe/internal/wire"
)

// longestQueue is how late an answer may be and still tell of a queue.
const longestQueue = 10 * time.Second

// queue tells whether a queue stands on the way, by answers that take longer and longer
// ([wire.QueueRow]). Then sending waits until it has drained, and goes on at the pace of
// the slowest link: that at which the answers walk along the plan. So it is told of
// queues on the way there and on the way back alike, however few targets answer. The zero
// value never looks.
type queue struct {
	row   wire.QueueRow
	plan  TargetIndexer
	base  map[netip.Addr]time.Duration // the shortest round trip of an address
	least time.Duration                // and of all
	extra time.Duration                // that the way has become longer by
	next  time.Duration                // when to look at an answer again
	first walked                       // by the answer before the row
	grown time.Duration                // what that answer took
	fresh time.Duration                // when the queue has drained, and no answer has told of the way since; 0: one has

	known  time.Duration // since when the pace follows the queue; 0: it does not
	raised time.Duration // when the pace was changed last
	began  mark          // when the queue began, and in which place
	upto   uint64        // which place had been reached when it was seen
	doubt  bool          // what left since then may have found it full
	came   time.Duration // when an answer came last that a queue had kept
	kept   time.Duration // and how long it took
	resent bool          // an answer may be to the transmission before
}

// walked is where the probe that was answered has its place.
type walked struct {
	attempt  int
	position uint64
	sent, at time.Duration
}

const (
	queueSample  = time.Millisecond // between the answers that are looked at
	queueRaised  = 2 * time.Second  // between attempts to send more
	queueRaise   = 1.25
	queueLowest  = 4.0     // packets a second
	mostBases    = 1 << 12 // addresses of which the round trip is known
	leastGrowth  = 25 * time.Millisecond
	muchSlower   = 2.0 // times the pace
	drainedAfter = 10 * time.Millisecond
)

func newQueue(c *Config) (q queue) {
	if plan, known := c.Plan.(TargetIndexer); known {
		q.plan, q.base = plan, map[netip.Addr]time.Duration{}
	}
	return q
}

// noteQueue takes from a verified answer what it tells of a queue on the way.
func (w *run) noteQueue(ev *wire.Event, latest int) {
	q := &w.queue
	if q.plan == nil || w.pacing.full == 0 || ev.Kind.Rank() < wire.RankReset || ev.Attempt < latest || w.now < q.next {
		return
	}
	at, took, ok := w.walk(ev)
	if !ok {
		return
	}
	q.next = w.now + queueSample
	if q.add(ev.Target.Addr(), at, took) {
		w.seeQueue(&at, took)
	} else if q.row.N == 0 {
		q.first, q.grown = at, took
	}
}

// walk is where an answer has come to in the plan, and how long it took.
func (w *run) walk(ev *wire.Event) (at walked, took time.Duration, ok bool) {
	at.attempt = ev.Attempt
	if at.position, ok = w.queue.plan.Index(ev.Target); !ok {
		return at, 0, false
	}
	if at.sent, ok = w.sender.when(at.attempt, at.position); !ok || at.sent >= w.now {
		return at, 0, false
	}
	took = wire.Stamps{Sent: at.sent}.Took(ev.At, w.wall.Add(at.sent-w.now), w.now)
	at.at = at.sent + took
	return at, took, true
}

// add takes in an answer of an address, and tells whether a queue kept it.
func (q *queue) add(a netip.Addr, at walked, took time.Duration) bool {
	base, known := q.base[a]
	if !known {
		base = q.least
	}
	if q.fresh > 0 && at.sent >= q.fresh { // nobody was before it: that is the way now
		q.fresh, q.extra = 0, max(took-base, 0)
	}
	if q.extra > 0 && took-base < q.extra {
		q.extra = max(took-base, 0)
	}
	in := q.row.Add(at.sent, took, base+q.extra)
	if !q.resent && (known || len(q.base) < mostBases) && (!known || took < base) {
		q.base[a] = took
	}
	if !q.resent && (q.least == 0 || took < q.least) {
		q.least = took
	}
	return in && (known || took-q.grown >= leastGrowth)
}

// due is until when answers are waited for that a queue may still hold.
func (q *queue) due() time.Duration { return q.came + 2*q.kept }

// letFollow has all others follow the first probes, once enough of these were answered in
// time.
func (w *run) letFollow() {
	if w.windowed && w.silence.answers >= firstWindow/2 && w.queue.row.N == 0 {
		w.windowed = false
		w.sender.order(func(o *orders) { o.window = false })
	}
}

// seeQueue lets a queue drain, and sends as much as passes then.
func (w *run) seeQueue(at *walked, took time.Duration) {
	q := &w.queue
	gap := q.row.Gap(at.at)
	if gap == 0 {
		return
	}
	q.came, q.kept, q.raised = w.now, took, w.now
	until := at.at + wire.QueueDrains(gap, true)
	q.fresh = until
	w.sender.order(func(o *orders) { o.hold = max(o.hold, until) })
	if q.row.N < wire.QueueTells || at.attempt != q.first.attempt || at.position <= q.first.position {
		return
	}
	w.followQueue(float64(at.position-q.first.position) / (at.at - q.first.at).Seconds() * float64(w.sender.underWay()))
}

// followQueue makes the pace that of a slow link. What left since its queue began may have
// found it full, and tells nothing of the loss on the way.
func (w *run) followQueue(rate float64) {
	q, p := &w.queue, &w.pacing
	if q.raised = w.now; rate >= p.rate {
		return
	}
	if q.known == 0 || rate*muchSlower < p.rate {
		w.doubtQueued()
	}
	q.known = w.now
	w.losses = losses{began: w.now, previous: w.now}
	p.trial, p.during = trialNone, trials{}
	w.setPace(max(rate, queueLowest))
	inOrder := w.whole.bits != nil
	w.sender.order(func(o *orders) { o.inOrder = inOrder })
}

// doubtQueued takes note that what left since the queue began may have found it full. The loss
// that is due to that asks for no more probes than usual.
func (w *run) doubtQueued() {
	q := &w.queue
	q.began, q.doubt = mark{q.first.sent, q.first.position}, true
	q.upto = w.sender.attempted(q.first.attempt).position()
	if usual := w.cfg.Retries + 1; w.passes > usual {
		w.passes = usual
		w.sender.order(func(o *orders) { o.passes = usual })
	}
}

// mindQueue sends what a queue may have lost anew once it has drained, and tries from time
// to time whether more passes.
func (w *run) mindQueue() {
	q := &w.queue
	if q.known == 0 {
		return
	}
	if q.doubt && w.now >= q.fresh && w.now >= q.came+drainedAfter {
		q.doubt = false
		w.resendQueued()
	}
	if p := &w.pacing; p.trial == trialNone && p.rate < p.full && w.now-q.raised >= queueRaised {
		q.raised = w.now
		w.setPace(min(p.rate*queueRaise, p.full))
	}
}

// resendQueued sends what left since the queue began anew, unless all of it was answered.
func (w *run) resendQueued() {
	q := &w.queue
	if w.whole.answered(q.began.pos, q.upto) {
		return
	}
	q.resent = true
	since := max(0, q.began.at)
	w.sender.order(func(o *orders) { o.back, o.since = true, since })
}
