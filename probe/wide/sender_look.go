package wide

import (
	"slices"
	"time"
)

// look is how the sender does, and which targets it was kept from since the
// last look.
func (s *sender) look() (sendStatus, []refusedTarget) {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := s.told
	s.told = nil
	return s.status, told
}

// reached is before which everything had been sent by a moment.
func (s *sender) reached(by time.Duration) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settled.by(by)
}

// sentAt is when a probe left, or a little before; ok is false where it has not, or too
// long ago.
func (s *sender) sentAt(attempt int, position uint64) (at time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if attempt >= len(s.cursors) {
		return 0, false
	}
	at, ok = s.cursors[attempt].left(position)
	return s.late.when(place{attempt, position}, at), ok
}

// when is when a probe left, as exactly as is known; ok is false where it has not, or too
// long ago.
func (s *sender) when(attempt int, position uint64) (at time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if attempt >= len(s.cursors) {
		return 0, false
	}
	at, ok = s.cursors[attempt].when(position)
	return s.late.when(place{attempt, position}, at), ok
}

// furthest is before which every target was probed once at least.
func (s *sender) furthest() uint64 {
	at := s.first().position()
	return max(at, s.highest)
}

// underWay is how many passes have begun and not ended.
func (s *sender) underWay() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.cursors {
		if at := c.position(); at > s.from[i] && at < s.endOf(i) {
			n++
		}
	}
	return max(n, 1)
}

// first, attempted and last are the passes of the first, of any and of the last
// probe of each target.
func (s *sender) first() *cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors[0]
}

func (s *sender) attempted(attempt int) *cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors[min(attempt, len(s.cursors)-1)]
}

func (s *sender) last() *cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors[len(s.cursors)-1]
}

// unsent is how many targets got no probe at all: they have no route, or each
// probe was given up, or still waits where a run ends early. It is for when run
// has returned.
func (s *sender) unsent() uint64 {
	return s.noRoute + s.cursors[0].lost + slices.Min(s.failed[:s.cfg.Retries+1]) + uint64(len(s.delayed.list)+s.neighbour.count())
}
