package scan

import (
	"net/netip"
	"time"

	"synscope/probe/internal/limit"
	"synscope/probe/internal/wire"
)

// firstQuestion is the first number of the questions to witnesses: no probe has it, and its source
// port, so many after the first, is one that few of them have.
func (c *Config) firstQuestion() int {
	turns := (c.witnessAttempts() + c.sourcePorts() - 1) / c.sourcePorts()
	return turns*c.sourcePorts() + apartFromProbes
}

const apartFromProbes = 5

// allAttempts is the end of all numbers.
func (c *Config) allAttempts() int { return c.firstQuestion() + 2*limit.Tuples }

// numberOf is the number of the next question to a witness: those that are asked for a limit before all hosts
// have others than those for one before theirs.
func (e *engine) numberOf(s *slowdown, w *limit.Witness[witness]) int {
	n := e.cfg.firstQuestion() + w.Next()
	if s.host != nil {
		n += limit.Tuples
	}
	return n
}

// sendQuestion asks a witness once more.
func (e *engine) sendQuestion(w *witness, attempt int) error {
	if w.port == 0 {
		return e.sendEcho(w.host, attempt)
	}
	e.hosts.refresh(w.host)
	from := e.Matcher.Port(attempt)
	src := netip.AddrPortFrom(e.hosts.sourceOf(w.host, from, w.port), from)
	dst := netip.AddrPortFrom(w.host.addr, w.port)
	e.Now = time.Since(e.Start)
	e.Packets.Clear()
	e.Packets.Add(wire.Whole, src, dst, e.Matcher.Cookie.Numbers(src, dst, attempt), e.Now)
	_, err := e.Network.Send(e.Packets.Batch)
	e.Packets.Clear()
	if err == nil {
		e.Counters.Departed(0, e.Now) // no probe's retransmission
	}
	return err
}

// isQuestion tells whether an answer is to a question.
func (e *engine) isQuestion(ev *wire.Event) bool {
	return ev.Attempt >= e.cfg.firstQuestion() && (ev.Kind.Verified() || ev.Kind == wire.KindEcho)
}

// questionAnswered takes in the answer to a question, or says why it is rejected: it was not waited for any
// more, or came to another address.
func (e *engine) questionAnswered(ev *wire.Event) (reject string) {
	h := e.hosts.find(ev.Target.Addr(), ev.Link)
	switch {
	case h == nil || !e.hosts.arrivedAt(h, ev):
		return wire.RejectUnsolicited
	case !e.answersQuestion(h, ev):
		return wire.RejectAfterVerdict
	}
	return ""
}

// answersQuestion takes in the answer of a host to a question, and tells whether it was waited for.
func (e *engine) answersQuestion(h *host, ev *wire.Event) bool {
	if s := h.slowness(); ev.Kind == wire.KindICMP {
		guesses := s != nil && (s.guess.on || s.guess.vain)
		if guesses {
			e.decideBy(ev, 0)
		}
		return guesses
	}
	e.closeQuestion(ev)
	k := ev.Attempt - e.cfg.firstQuestion()
	s := &e.limits.all
	if k >= limit.Tuples {
		s, k = h.slowness(), k-limit.Tuples
	}
	if s == nil {
		return false
	}
	sent, once, ok := s.answered(h, ev, k, e.Now)
	if ok {
		s.noteLate(e.Now-sent, e.trialWait(s), once)
		e.vouchFor(h, e.leftFor(h, ev, sent))
		if s.guess.on || s.guess.vain {
			e.guessed(h, ev, e.Now-sent)
		}
	}
	return ok
}

// answered takes in the answer to one of its questions, and tells whether it is one, and when that left.
// What is later than nearly a second may be a SYN-ACK that the far end retransmits. once tells
// whether no other question had its numbers.
func (s *slowdown) answered(h *host, ev *wire.Event, k int, now time.Duration) (sent time.Duration, once, ok bool) {
	for _, w := range s.asks.List() {
		if w.Of.host != h || w.Of.port != ev.Target.Port() {
			continue
		}
		number, sent, ok := s.asks.Answered(w, k, now-synRTO+synRTO/8, now)
		if ok && number >= 0 {
			s.trial.Answer(number)
		}
		s.quiet.heard = s.quiet.heard || ok && s.state == paceQuiet
		return sent, w.Asked() <= limit.Tuples, ok
	}
	return 0, false, false
}

// noteLate takes note of how long an answer took: longer than any is waited for, or was when lower paces began to be
// tried. One to numbers that several questions had may be to an earlier one.
func (s *slowdown) noteLate(took, wait time.Duration, once bool) {
	s.late = s.late || took > wait
	s.mistaken = s.mistaken || s.host == nil && once && s.waits > 0 && took > s.waits
}

// closeQuestion ends the connection that a question may have opened.
func (e *engine) closeQuestion(ev *wire.Event) {
	if ev.Kind != wire.KindSYNACK {
		return
	}
	closing := wire.CloseAfter(ev)
	e.questions++
	closing.Attempt += int(e.questions) * e.cfg.allAttempts()
	e.respond(e.hosts.find(ev.Target.Addr(), ev.Link), closing)
}
