package ping

import (
	"time"

	"synscope/probe/internal/wire"
)

// While a target has answered no SYN at all, a probe's SYN is sent once more a second later
// (probe/internal/wire/same.go says why): one at a time, until one was answered, and from then
// on each. What answers it comes too late for a probe that was told of as lost, and says what
// the port is; once one was answered, probes wait for it.

// noteFirst has a SYN that leaves sent once more, if the target answers none by then.
func (p *pinger) noteFirst(t *pinged, s *wire.Transmission) {
	if !s.WarmUp && s.First == nil && t.persistence.Open() && p.cfg.Timeout >= wire.SYNRTO {
		p.unheard.push(s.Tx.Sent+wire.SYNRTO, s)
	}
}

// sendSame sends the SYNs once more whose time for that has come.
func (p *pinger) sendSame() {
	for s := p.unheard.take(p.Now); s != nil; s = p.unheard.take(p.Now) {
		t := p.targets[s.Index]
		switch at := s.Tx.Sent + t.persistence.After(); {
		case !p.mayPersist(t, s):
			if s.Ended {
				p.closeSilent(s)
			}
		case at > p.Now:
			p.unheard.push(at, s)
		default:
			p.transmitSame(t, s)
		}
	}
}

// mayPersist tells whether a SYN may be sent once more: nothing came of it, and its port was not
// used again.
func (p *pinger) mayPersist(t *pinged, s *wire.Transmission) bool {
	alone := t.same == nil || t.same.Ended
	return !p.Stopping && t.persistence.Open() && t.dst == s.Dst && s.Next == nil && !s.Closed &&
		s.Outcome.Unanswered() && (alone || t.persistence.Promising()) && p.Table.Newest(s)
}

func (p *pinger) transmitSame(t *pinged, s *wire.Transmission) {
	again := s.Same()
	s.Closed = true // by the RST that closes the other
	t.same = again
	p.Table.Add(again)
	p.batch = append(p.batch, again)
	p.Pace.Spend(1)
	p.flush()
}

// waitsForSame tells whether a probe whose time is over waits for the answer to its
// retransmission, or for that to be sent.
func (p *pinger) waitsForSame(t *pinged, s *wire.Transmission) bool {
	return t.persistence.Promising() && s.Outcome.Unanswered() && s.Next != nil && !s.Next.Ended
}

// acceptSame applies an answer to a retransmission of the same SYN, or to the SYN before it.
func (p *pinger) acceptSame(s *wire.Transmission, ev *wire.Event) (reject string) {
	t := p.targets[s.Index]
	to, sure := s.Answers(ev)
	switch {
	case to == s.First:
		return p.acceptOfFirst(s, ev)
	case s.First.Ended && !p.stoodIn[s.First]:
		return p.acceptLateSame(t, s, ev, sure)
	}
	p.stoodIn[s.First], s.First.Ended = true, true
	p.noteSame(t, s, ev, sure)
	return p.acceptOwn(s, ev)
}

// acceptOfFirst applies an answer to a SYN that had been sent once more meanwhile.
func (p *pinger) acceptOfFirst(s *wire.Transmission, ev *wire.Event) (reject string) {
	first := s.First
	s.Ended, s.Answered = true, true
	if p.stoodIn[first] { // its probe is to be told of yet
		delete(p.stoodIn, first)
		first.Ended = false
		p.air.push(p.Now, first)
	}
	return p.acceptOwn(first, ev)
}

// acceptLateSame takes an answer to a retransmission whose probe was told of as lost.
func (p *pinger) acceptLateSame(t *pinged, s *wire.Transmission, ev *wire.Event, sure bool) (reject string) {
	p.noteSame(t, s, ev, sure)
	do, reject := p.Weigh(s, ev)
	if reject != "" {
		return reject
	}
	s.Answered = s.Answered || ev.Kind.Verified()
	s.Ended = s.Ended || do == wire.ActFinish
	return p.takeLate(s.First, ev, true)
}

// noteSame takes note of what an answer to a retransmission tells of the target.
func (p *pinger) noteSame(t *pinged, s *wire.Transmission, ev *wire.Event, sure bool) {
	if !ev.Kind.Verified() || ev.Kind.Rank() < wire.RankReset || s.Outcome.Rank >= wire.RankReset || t.dst != s.Dst {
		return
	}
	vain, took := t.vain, s.Took(ev, p.Reading)
	if p.stoodIn[s.First] { // it is no silent probe yet
		vain++
	}
	apart := s.Tx.Sent - s.First.Tx.Sent
	sure = sure || took < wire.SYNRTO && t.overdue(s, apart+took)
	t.persistence.Answered(vain, sure, apart, took)
	t.vain, t.lost = 0, [2]lostSYN{}
}

// lostSYN is a SYN that nothing came of.
type lostSYN struct {
	s    *wire.Transmission
	left time.Duration
}

// lose counts a SYN that nothing came of, and keeps the first two.
func (t *pinged) lose(s *wire.Transmission) {
	if t.vain < len(t.lost) {
		t.lost[t.vain] = lostSYN{s, s.Tx.Sent}
	}
	t.vain++
}

// overdue tells whether a SYN that nothing came of would have been answered before the
// retransmission of another was, if answers took so long: then that was no late answer to the
// other.
func (t *pinged) overdue(s *wire.Transmission, trip time.Duration) bool {
	for _, l := range t.lost {
		if l.s != nil && l.s != s.First {
			return s.First.Tx.Sent+trip-l.left >= wire.Longer(trip)
		}
	}
	return false
}

// ownAnswer takes note of an answer to a SYN that had not been sent before.
func (t *pinged) ownAnswer(s *wire.Transmission, ev *wire.Event) {
	if s.First == nil && t.dst == s.Dst && ev.Kind.Verified() && ev.Kind.Rank() >= wire.RankReset {
		t.persistence.AnsweredFirst()
	}
}

// endSame ends what a probe whose time is over leaves to its retransmission, or the
// retransmission of one that was told of, and tells whether that was one.
func (p *pinger) endSame(s *wire.Transmission) bool {
	t := p.targets[s.Index]
	switch {
	case s.First != nil && !p.stoodIn[s.First]:
		if !s.Answered {
			t.persistence.Missed()
		}
		s.Ended = true
		p.closeSilent(s)
		return true
	case s.WarmUp || s.Answered:
	case s.First != nil:
		t.persistence.Missed()
	case p.waitsForSame(t, s):
		p.stoodIn[s], s.Ended = true, true
		return true
	default:
		t.lose(s)
	}
	return false
}
