package wire

import (
	"time"

	"synscope/probe"
)

// Said is what all answers together say about the port of a target whose hops are asked. That
// includes answers that say nothing about a hop, because they came late or carry no number of ours.
// The zero value is silence.
type Said struct {
	Outcome     Outcome
	Persistence Persistence
	N           uint64 // the round of the latest answer, where there are rounds
}

// noteStray takes note of what answers no transmission, and is told of one.
func (x *Said) noteStray(s *Transmission, stray Stray) {
	x.N = max(x.N, s.N)
	x.Outcome.NoteStray(stray)
}

// hear takes an answer in, to a transmission whose segments may go no further than most hops.
// That a router let it expire before says nothing of the port.
func (x *Said) hear(t *probe.Technique, s *Transmission, ev *Event, most int) {
	if ev.Kind == KindICMP && expired(s, ev) && int(s.TTL) < most {
		return
	}
	x.N = max(x.N, s.N)
	x.Outcome.Take(t, s.Dst, ev)
	if s.First == nil && ev.Kind.Verified() && ev.Kind.Rank() >= RankReset {
		x.Persistence.AnsweredFirst()
	}
}

func expired(s *Transmission, ev *Event) bool {
	reason, _ := probe.ICMPMeaning(s.Dst.Addr(), ev.ICMP.Type, ev.ICMP.Code)
	return reason == probe.ReasonTimeExceeded
}

// misquotes tells whether an ICMP error that may be to a transmission quotes another sequence
// number. A router that let it expire is known by less; for a verdict that is too little.
func misquotes(s *Transmission, ev *Event) bool {
	return ev.Kind == KindICMP && ev.Quote.Seq != s.Numbers.Seq && !expired(s, ev)
}

// Hear takes an answer into what all say, and tells whether that is all that is to be done about
// it: it is to a SYN that was sent once more, or quotes another.
func (x *Hops) Hear(s *Transmission, ev *Event, most int) (done bool, reject string) {
	switch {
	case misquotes(s, ev):
		return true, RejectQuote
	case s.First == nil:
		x.Said.hear(x.Matcher.Tech, s, ev, most)
		return false, ""
	}
	if to, _ := s.Answers(ev); to == s.First {
		x.Said.hear(x.Matcher.Tech, to, ev, most)
		return true, RejectAfterVerdict
	}
	if _, reject = x.Weigh(s, ev); reject == "" {
		x.hearSame(s, ev, most)
		s.Ended = true
	}
	return true, reject
}

// hearSame takes in an answer to a SYN that was sent once more.
func (x *Hops) hearSame(s *Transmission, ev *Event, most int) {
	if ev.Kind.Verified() && ev.Kind.Rank() >= RankReset {
		_, sure := s.Answers(ev)
		took, vain := s.Took(ev, x.Reading), x.vain(s)
		sure = sure || vain > 1 && took < SYNRTO // the others would have been answered by now too
		x.Said.Persistence.Answered(vain, sure, s.Tx.Sent-s.First.Tx.Sent, took)
	}
	x.Said.hear(x.Matcher.Tech, s, ev, most)
}

// vain is how many of the remembered SYNs that went as far as one drew no answer.
func (x *Hops) vain(s *Transmission) (n int) {
	if x.Said.Persistence.Promising() {
		return 1
	}
	for _, other := range x.Table.List {
		if other != s && other.TTL >= s.TTL && !other.WarmUp && other.Outcome.Rank == RankSilence && other.Tx.Sent <= s.First.Tx.Sent {
			n++
		}
	}
	return n
}

// MayPersist tells whether a SYN may be sent once more now or later, in place of the last that
// was: nothing has come from the target.
func (x *Hops) MayPersist(s *Transmission, timeout time.Duration) bool {
	return s != nil && s.First == nil && s.Next == nil && !s.WarmUp && timeout >= SYNRTO && !x.Stopping &&
		s.Outcome.Unanswered() && x.Said.Outcome.Doubtful() && x.Said.Persistence.Open()
}

// Persist sends a SYN once more.
func (x *Hops) Persist(s *Transmission) (again *Transmission, ok bool) {
	again = s.Same()
	if x.TransmitSame(again) != nil {
		return again, false
	}
	s.Ended, s.Closed = true, true
	x.Counters.Departed(1, x.Now)
	return again, true
}

// Verdict is the best that all answers say, with what was noticed.
func (x *Said) Verdict(v probe.Verdict, t *probe.Technique) probe.Verdict {
	if x.Outcome.Best != nil {
		v = x.Outcome.Verdict(t, v.Target)
		v.Attempts = 1
	}
	return x.Annotate(v)
}

// Annotate adds to a verdict what was noticed.
func (x *Said) Annotate(v probe.Verdict) probe.Verdict {
	v.Findings = Noting(v.Findings, x.Persistence.Findings()...)
	return x.Outcome.Annotate(v)
}
