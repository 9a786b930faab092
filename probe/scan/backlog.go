package scan

import "time"

// backlog tells whether a queue stands on the way to a host. A link with a deep buffer
// does not lose what comes too fast, at first: each answer takes longer than the one before
// it. So the round trip is several times the shortest, answers come in the order in
// which their probes left, and as many come a second as the slowest link carries
// (Cardwell et al., BBR, 2016; RFC 6817 §2 has the delay as a sign too). Jitter changes the order,
// and answers of a host that is far are as late from the first on.
type backlog struct {
	least time.Duration // shortest round trip; 0: none is known
	sent  time.Duration // when the latest probe left that was answered
	took  time.Duration // by the latest answer
	began time.Duration // when the row began, by its first answer
	row   int32         // answers in a row, and in order, that took too long
	rate  float64       // of the row, a second; 0: too short to tell
	held  bool          // nothing was sent since a queue was seen
	fresh time.Duration // when the first probe left after that, whose answer has not come
	out   int32         // probes
	in    int32         // answers
}

const (
	queueFactor = 1.5                   // times the shortest round trip may be chance
	queueLeast  = 25 * time.Millisecond // and so much more than it
	queueHolds  = 2                     // answers in a row after which nothing is sent
	queueTells  = 8                     // and whose rate is that of the link
	queueGaps   = 4                     // times the gap between two answers without one: it has drained
	queueOrder  = 5 * time.Millisecond  // by which jitter before the queue may change the order
	longestGap  = 400 * time.Millisecond

	// firstWindow is how many probes a host gets before its answers can tell of a queue.
	firstWindow = 128
	farthest    = 150 * time.Millisecond // hosts whose answers the run waits for so
)

// note takes in an answer to what left at a time, and says until when nothing more is to be
// sent; 0: no queue is seen.
func (b *backlog) note(sent, took time.Duration) (until time.Duration) {
	at, ordered := sent+took, sent+queueOrder >= b.sent
	b.in++
	b.sent = max(b.sent, sent)
	if b.fresh > 0 && sent >= b.fresh { // nobody was before it: that is the way now
		b.fresh, b.least = 0, max(b.least, took)
	}
	if b.least == 0 || took < b.least {
		b.least = took
	}
	smooth := (took - b.took).Abs() <= (took-b.least)/2
	b.took = took
	if !ordered || !smooth || !b.exceeds(took) {
		b.row, b.began, b.rate = 0, at, 0
		return 0
	}
	b.row++
	if b.row < queueHolds || at <= b.began {
		return 0
	}
	gap := (at - b.began) / time.Duration(b.row)
	if b.row >= queueTells {
		b.rate = float64(time.Second) / float64(max(gap, 1))
	}
	b.held = true
	gaps := time.Duration(queueGaps)
	if 2*b.in > b.out {
		gaps /= 2
	}
	return at + min(gaps*gap, longestGap)
}

// clear tells whether enough answers have come in time to let more follow the first probes.
func (b *backlog) clear() bool { return b.row == 0 && b.in == firstWindow/2 }

// exceeds tells whether a round trip is so long that something waited on the way.
func (b *backlog) exceeds(took time.Duration) bool {
	return took > time.Duration(queueFactor*float64(b.least))+queueLeast
}

// depart takes note that a probe leaves, and says until when no other is to follow, if the
// host is known to be so far away; 0: at once.
func (b *backlog) depart(now, far time.Duration) (until time.Duration) {
	if b.held && b.fresh == 0 { // or one is on its way
		b.fresh = max(now, 1)
	}
	b.held = false
	if b.out++; b.out != firstWindow || b.in > firstWindow/2 || far == 0 || far > farthest {
		return 0
	}
	return now + far + min(far+far/2, 100*time.Millisecond) + queueLeast
}

// backOff lets the queue before a host drain, and then sends as much as passes.
func (l *limiter) backOff(until, now time.Duration, rate float64) {
	if rate > 0 && rate < openRate {
		rate = max(rate, minRate)
		l.rate, l.ceiling, l.before, l.plateau = rate, rate, 0, 0
		l.hold, l.seen = now+holdRaised, rate
	}
	l.due = max(l.due, until)
	l.shut = until
}
