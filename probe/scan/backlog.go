package scan

import (
	"time"

	"synscope/probe/internal/wire"
)

// backlog tells whether a queue stands on the way to a host, by a row of its answers
// ([wire.QueueRow]).
type backlog struct {
	wire.QueueRow
	least time.Duration // shortest round trip; 0: none is known
	rate  float64       // of the row, a second; 0: too short to tell
	held  bool          // nothing was sent since a queue was seen
	fresh time.Duration // when the first probe left after that, whose answer has not come
	out   int32         // probes
	in    int32         // answers
}

const (
	// firstWindow is how many probes a host gets before its answers can tell of a queue.
	firstWindow = 128
	queueShows  = 25 * time.Millisecond  // excess of round trips by which a queue shows
	farthest    = 150 * time.Millisecond // hosts whose answers the run waits for so
)

// note takes in an answer to what left at a time, and says until when nothing more is to be
// sent; 0: no queue is seen.
func (b *backlog) note(sent, took time.Duration) (until time.Duration) {
	b.in++
	if b.fresh > 0 && sent >= b.fresh { // nobody was before it: that is the way now
		b.fresh, b.least = 0, max(b.least, took)
	}
	if b.least == 0 || took < b.least {
		b.least = took
	}
	if !b.Add(sent, took, b.least) {
		b.rate = 0
		return 0
	}
	gap := b.Gap(sent + took)
	if gap == 0 {
		return 0
	}
	if b.N >= wire.QueueTells {
		b.rate = float64(time.Second) / float64(gap)
	}
	b.held = true
	return sent + took + wire.QueueDrains(gap, 2*b.in > b.out)
}

// clear tells whether enough answers have come in time to let more follow the first probes.
func (b *backlog) clear() bool { return b.N == 0 && b.in == firstWindow/2 }

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
	return now + far + min(far+far/2, 100*time.Millisecond) + queueShows
}

// backOff lets the queue before a host drain, and then sends as much as passes.
func (l *limiter) backOff(until, now time.Duration, rate float64) {
	if rate > 0 && rate < openRate {
		rate = max(rate, minRate)
		if l.kept {
			rate = min(rate, l.rate)
		}
		l.rate, l.ceiling, l.before, l.plateau = rate, rate, 0, 0
		l.hold, l.seen = now+holdRaised, rate
	}
	l.due = max(l.due, until)
	l.shut = until
}
