package limit

import "time"

// When lower paces are tried, and what is made of one that passes: the same for every run.
const (
	// MuchLost is the share of the latest questions, Lately of them, from which lower paces are tried.
	MuchLost = 0.2
	Lately   = 24
	// Look is how often a trial is looked at.
	Look = 20 * time.Millisecond

	// worthSlow is how long a run may last at a lower pace.
	worthSlow = 10 * time.Minute

	leastWait, waitFactor = 60 * time.Millisecond, 3
)

// Worth tells whether a run keeps to a pace in packets a second at which so many are to leave: whether it is
// over within ten minutes.
func Worth(packets uint64, rate float64) bool {
	return float64(packets)/rate <= worthSlow.Seconds()
}

// Wait is how long the answer to a question is waited for where the slowest answer took so long, by the
// run's timeout at most.
func Wait(slowest, timeout time.Duration) time.Duration { return Least(waitFactor*slowest, timeout) }

// Least is a time to wait for an answer that is no shorter than any takes, and the run's timeout at most.
func Least(wait, timeout time.Duration) time.Duration { return min(max(wait, leastWait), timeout) }

// LosesMuch tells whether surely so large a share of the latest questions was lost, and of no fewer than least.
func (w *Witnesses[T]) LosesMuch(least int, now, wait time.Duration) bool {
	asked, lost := w.Late(Lately, now, wait)
	return asked >= least && Mostly(float64(asked), float64(lost), MuchLost)
}
