package netraw

import "time"

// backoff pauses while an interface's queue is full: longer each time, sendPatience in
// all, and from the start again after progress.
type backoff struct {
	pause, paused time.Duration
}

func (b *backoff) reset() { *b = backoff{} }

// wait pauses and returns true, or false where patience is at its end.
func (b *backoff) wait() bool {
	if b.paused >= sendPatience {
		return false
	}
	b.pause = max(firstPause, min(2*b.pause, longestPause))
	time.Sleep(b.pause)
	b.paused += b.pause
	return true
}
