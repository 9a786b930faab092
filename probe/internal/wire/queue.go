package wire

import "time"

// QueueRow is a row of answers by which a queue on the way shows. A link with a deep buffer at
// first loses nothing of what comes too fast: each answer takes longer than the one before it. So
// the round trip is several times the shortest, answers come in the order in which their probes
// left, and at the rate of the slowest link (Cardwell et al., BBR, 2016; RFC 6817 §2 also uses the
// delay as a sign). Jitter would change the order, and a host that is merely far away is as slow
// from the first answer on.
type QueueRow struct {
	N     int32         // answers in the row; 0: the latest is in none
	Began time.Duration // when the answer before the row came
	sent  time.Duration // when the latest probe left that was answered
	took  time.Duration // by the latest answer
}

const (
	queueFactor = 1.5                   // times the shortest round trip may be chance
	queueLeast  = 25 * time.Millisecond // and so much more than it
	queueOrder  = 5 * time.Millisecond  // by which jitter before the queue may change the order

	QueueHolds = 2 // answers in a row after which nothing is sent
	QueueTells = 8 // and whose rate is that of the link
	queueGaps  = 4 // times the gap between two answers without one: it has drained
	longestGap = 400 * time.Millisecond
)

// Add takes in an answer to what left at a time, where the shortest takes least, and tells
// whether it is in the row.
func (q *QueueRow) Add(sent, took, least time.Duration) bool {
	ordered := sent+queueOrder >= q.sent
	smooth := (took - q.took).Abs() <= (took-least)/2
	q.sent, q.took = max(q.sent, sent), took
	if !ordered || !smooth || !Queued(took, least) {
		q.N, q.Began = 0, sent+took
		return false
	}
	q.N++
	return true
}

// Queued tells whether a round trip is so long that something waited on the way.
func Queued(took, least time.Duration) bool {
	return took > time.Duration(queueFactor*float64(least))+queueLeast
}

// Gap is the time between two answers of the row, whose latest came at a time; 0 while it
// is too short to tell.
func (q *QueueRow) Gap(at time.Duration) time.Duration {
	if q.N < QueueHolds || at <= q.Began {
		return 0
	}
	return max((at-q.Began)/time.Duration(q.N), 1)
}

// QueueDrains is for how long no answer has to come until a queue has drained, whose
// answers come a gap apart; most tells whether most probes are answered.
func QueueDrains(gap time.Duration, most bool) time.Duration {
	gaps := time.Duration(queueGaps)
	if most {
		gaps /= 2
	}
	return min(gaps*gap, longestGap)
}
