package wide

import (
	"time"

	"synscope/probe/internal/wire"
)

// respond sends what answers call for: while there are probes to be sent too,
// it takes no more than half of the pace.
func (s *sender) respond(budget int, probing bool) (taken int) {
	if probing {
		budget = s.half(budget)
	}
	taken = s.payResets(budget)
	if budget == taken || !s.responses.any() {
		return taken
	}
	sent, left := s.responses.send(s.net, budget-taken, s.now())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.resets += left.Resets
	s.status.questions += left.Questions
	return taken + sent
}

// obey takes over what was ordered about times and pace.
func (s *sender) obey() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.orders.spacing > 0 {
		s.spacing, s.orders.spacing = s.orders.spacing, 0
	}
	if s.orders.rate > 0 {
		s.pace.Ask(s.orders.rate)
		s.orders.rate = 0
	}
	s.inOrder = s.orders.inOrder
}

// The first probes of a run that may change its pace tell of a queue on the way before all
// others fill it. They are waited for until half of them have been answered in time, or
// for as long as answers from near by would take.
const (
	firstWindow = 128
	firstWait   = 100 * time.Millisecond
)

// waits is how long no probe may leave, since a queue is to drain, or the first probes
// have not been answered. The lock is held.
func (s *sender) waits() time.Duration {
	now := s.now()
	if s.window == 0 && s.status.sent > 0 {
		s.window = now + firstWait
	}
	if s.orders.window && s.status.sent >= firstWindow && s.window > now {
		return s.window - now
	}
	return max(s.orders.hold-now, 0)
}

// space makes the time between the probes of a target another, if it is.
func (s *sender) space(d time.Duration) {
	s.mu.Lock()
	changed := d != s.spaced
	if s.spaced = d; changed {
		s.orders.spacing = d
	}
	s.mu.Unlock()
	if changed {
		s.responses.wake()
	}
}

// half is half of a budget; of one packet all, every other time.
func (s *sender) half(budget int) int {
	if s.odd = !s.odd; s.odd {
		budget++
	}
	return budget / 2
}

// engineResetsEvery is how often the engine is asked for RSTs of its own, and
// mostDebt how many of them may be left to be paid for.
const (
	engineResetsEvery = 10 * time.Millisecond
	mostDebt          = 1 << 16
)

// payResets lets the RSTs that the engine has sent itself count towards the pace.
func (s *sender) payResets(budget int) (paid int) {
	if now := s.now(); now >= s.askResets {
		s.askResets = now + engineResetsEvery
		n := s.resetting()
		s.debt = min(s.debt+int(n-s.resets), mostDebt)
		s.mu.Lock()
		s.status.resets += n - s.resets
		s.mu.Unlock()
		s.resets = n
	}
	paid = min(budget, s.debt)
	s.debt -= paid
	return paid
}

// adapt slows down while the kernel drops answers, unless the rate was a
// command, or what it drops is a flood.
func (s *sender) adapt(now time.Duration) {
	if now < s.adaptAt {
		return
	}
	stats := s.net.Stats()
	drops, sent := stats.KernelDrops, s.status.sent-s.adapted
	flooded := s.flood.Look(stats, sent)
	switch {
	case s.adaptAt > 0 && sent > 0 && s.firewalled > sent/limitedShare:
		s.pace.Cap(wire.PerSecond(sent, now-s.adaptAt+wire.LookEvery))
	case !s.cfg.FixedRate:
		if s.adaptAt > 0 && drops > s.drops && !flooded {
			s.pace.Slower(wire.PerSecond(s.status.sent-s.adapted, wire.LookEvery))
		} else {
			s.pace.Faster()
		}
	default:
		s.pace.Faster()
	}
	s.firewalled = 0
	s.drops, s.adapted, s.adaptAt = drops, s.status.sent, now+wire.LookEvery
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.rateAsked = s.pace.Rate()
}

// limitedShare of the packets that left, refused beside them by a firewall of this
// machine, is a limit: a rule would refuse all.
const limitedShare = 5
