package scan

import (
	"math"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// Where a host has answered nothing, the last transmission of a probe is a retransmission of the
// one before it: the same SYN once more (probe/internal/wire/same.go says why).

const (
	// synRTO is the least time between the two, mostApart the most.
	synRTO    = wire.SYNRTO
	mostApart = wire.MostApart
	// lingering is for how long other answers may follow that to a retransmission.
	lingering = 50 * time.Millisecond
	// hardlyLate is that of one of a round trip of more than a second.
	hardlyLate = 0.05
)

// same are the transmissions of a probe that are alike: from the first to the last. Where
// those are one, there are none.
type same struct{ first, last uint8 }

// of is the transmission whose numbers and port one has.
func (s same) of(attempt int) int {
	if s.includes(attempt) {
		return int(s.first)
	}
	return attempt
}

func (s same) includes(attempt int) bool {
	return s.last > s.first && attempt >= int(s.first) && attempt <= int(s.last)
}

// firstAlike is the first of the transmissions that are alike, or are going to be.
func (f *flight) firstAlike() int {
	if f.same.last > 0 {
		return int(f.same.first)
	}
	return max(0, len(f.tx)-1)
}

// persistence is what is known of a host that has answered retransmissions.
type persistence struct {
	required bool          // it answers nothing else: loss hardly explains the silence before
	proven   bool          // a time stamp, or when answers came, shows that it answered a retransmission
	answered uint32        // ports that answered a retransmission
	least    uint8         // the first of the transmissions that were alike, of those ports the least
	vain     int           // transmissions to these ports before
	again    trials        // retransmissions to these ports, and those that were not answered
	deferred byTry         // answers that tell of the loss, unless retransmissions are required
	counted  trials        // in what was seen of the loss, for these
	late     time.Duration // the round trip, if it was the first SYN that was answered
}

// needed tells whether a host is taken to answer nothing but retransmissions.
func (p *persistence) needed() bool { return p != nil && p.required }

// onlyAgain tells whether a host has answered retransmissions and nothing else: it need not answer the
// first SYN of a witness, or of a port that is asked again.
func (h *host) onlyAgain() bool { return h.persistence != nil && !h.firsts }

// mayRetransmit tells whether a run sends retransmissions of the same segment.
func (c *Config) mayRetransmit() bool { return c.Technique.Opens() && c.Timeout >= synRTO }

// retransmits tells whether the next transmission of a probe is to repeat the segment of the
// latest.
func (e *engine) retransmits(f *flight) bool {
	n := len(f.tx)
	if n == 0 || f.same.last > 0 && !f.same.includes(n-1) || !e.mayRetransmit(f) {
		return false
	}
	return f.host.persistence.needed() || n == earlyAgain || n+1 >= e.allowed(f)
}

// earlyAgain is the transmission that is a retransmission where loss makes many of them likely: if
// there is a guard, it is known early, and no new SYN is wasted on it.
const earlyAgain = 2

// mayRetransmit tells whether a retransmission of a probe may be answered where other transmissions are
// not.
func (e *engine) mayRetransmit(f *flight) bool {
	switch {
	case f.host.firsts || f.watches || f.rechecks || !e.cfg.mayRetransmit():
		return false
	case f.asked || !f.outcome.Doubtful():
		return false
	}
	return !f.outcome.Renewed() && !f.outcome.Small()
}

// lacks tells whether a probe ends without a retransmission: when it was sent more transmissions
// were to come than the loss asks for by now.
func (e *engine) lacks(f *flight) bool {
	return len(f.tx) > 1 && f.same.last == 0 && e.mayRetransmit(f)
}

// numbered is the transmission whose sequence number and source port the next one of a probe gets:
// a new one's own, or for a retransmission those of the latest.
func (e *engine) numbered(f *flight) int {
	n := len(f.tx)
	if !e.retransmits(f) || e.Now < f.latest().Sent+synRTO {
		return n
	}
	if f.same.last == 0 {
		f.same.first = uint8(n - 1)
	}
	f.same.last = uint8(n)
	return int(f.same.first)
}

// tellApart finds out which of several like transmissions an answer is to, and tells whether that
// is certain. What came before the second of them left is an answer to the first.
func (e *engine) tellApart(f *flight, ev *wire.Event) (sure bool) {
	if !ev.Kind.Verified() || !f.same.includes(ev.Attempt) || f.same.of(ev.Attempt) != ev.Attempt {
		return true
	}
	first, last := int(f.same.first), min(int(f.same.last), len(f.tx)-1)
	if last <= first {
		return true
	}
	if echoed, ok := e.echoed(f, ev, last); ok {
		ev.Attempt = echoed
		return echoed > first // a SYN-ACK to the first may be retransmitted for the second
	}
	if f.batch == nil || f.batch.SentAt(int(f.place)) > 0 {
		ev.Attempt = last
	}
	return false
}

// echoed is the transmission whose time stamp an answer repeats.
func (e *engine) echoed(f *flight, ev *wire.Event, last int) (attempt int, ok bool) {
	first := int(f.same.first)
	n := e.Matcher.Cookie.Numbers(ev.Seg.Dst, ev.Seg.Src, first)
	k, ok := wire.Echoed(ev, n, last-first+1, func(k int) time.Duration { return f.tx[first+k].Sent })
	return first + k, ok
}

// leaving is which of the transmissions that are alike was seen leaving at a time.
func (e *engine) leaving(f *flight, ev *wire.Event) int {
	attempt := ev.Attempt
	for k := attempt + 1; f.same.includes(attempt) && k <= int(f.same.last) && k < len(f.tx); k++ {
		if ev.At.Sub(e.Start.Add(f.tx[k-1].Sent)) > synRTO/2 {
			attempt = k
		}
	}
	return attempt
}

// persisted takes note of an answer to a retransmission, and tells whether what it says of the loss
// is deferred: the transmissions before it may have been lost, or the retransmission required.
func (e *engine) persisted(f *flight, ev *wire.Event, sure bool) (deferred bool) {
	h := f.host
	switch {
	case h.firsts:
		return false
	case !f.same.includes(ev.Attempt) || f.same.of(ev.Attempt) == ev.Attempt:
		h.firsts = true
		if h.persistence != nil {
			h.persistence.required = false
		}
		e.countDeferred(h.persistence)
		return false
	case h.persistence == nil:
		h.persistence = &persistence{}
	}
	p := h.persistence
	if p.answered == 0 || f.same.first < p.least {
		p.least = f.same.first
	}
	p.answered++
	p.vain += ev.Attempt - f.inGaps(ev.Attempt)
	again := float64(ev.Attempt - int(f.same.first))
	p.again.lost, p.again.of = p.again.lost+again-1, p.again.of+again
	p.deferred.add(ev.Attempt)
	p.proven = p.proven || sure || e.notLate(f, ev, p)
	if !p.required && wire.HardlyLost(e.othersOf(p).share(priorLoss), p.vain) {
		p.required = true
		e.seen, p.counted = e.othersOf(p), trials{}
		e.doubtsGuard(h)
	}
	return true
}

// noteLateFirst takes note of an answer that decides nothing any more: if it is to a SYN before those
// that were alike, that was answered too, as by a host that wakes up. first is the first of these, -1
// where it is not known any more.
func (e *engine) noteLateFirst(ev *wire.Event, first int) {
	h := e.hosts.find(ev.Target.Addr(), ev.Link)
	if h == nil || h.persistence == nil || !ev.Kind.Verified() || ev.Kind == wire.KindICMP {
		return
	}
	if first < 0 {
		first = int(h.persistence.least)
	}
	if ev.Attempt < first {
		h.firsts, h.persistence.required = true, false
	}
}

// lingers has the verdict on a port that answered a retransmission wait for answers to its other SYNs.
func (e *engine) lingers(id uint32, f *flight, ev *wire.Event) bool {
	if f.host.firsts || f.same.first == 0 || !f.same.includes(ev.Attempt) || e.Stopping {
		return false
	}
	f.phase = phaseSettled
	e.flights.expectBy(id, e.Now+lingering)
	return true
}

// othersOf is what was seen of the loss of others.
func (e *engine) othersOf(p *persistence) trials {
	return trials{e.seen.lost - p.counted.lost, e.seen.of - p.counted.of}
}

// lossAgain is the loss of retransmissions to a host that answers nothing else.
func (e *engine) lossAgain(p *persistence) float64 { return p.again.share(e.seen.share(priorLoss)) }

// countDeferred takes what was deferred for loss.
func (e *engine) countDeferred(p *persistence) {
	if p == nil || p.required {
		return
	}
	for try, n := range p.deferred {
		for range n {
			e.losses.note(try)
		}
		p.counted.lost, p.counted.of = p.counted.lost+float64(n), p.counted.of+float64(n)
		e.seen.lost, e.seen.of = e.seen.lost+float64(n), e.seen.of+float64(n)
	}
	p.deferred = byTry{}
}

// answeredAgain takes note of an answer whose loss is deferred.
func (e *engine) answeredAgain(f *flight, attempt int) {
	f.unnoteSilence(attempt)
	if e.Ramp != nil {
		e.Ramp.Answered(0)
	}
}

// notLate tells whether an answer that may be to the first of two transmissions that are alike
// is none: for it to be late, those before would have to be lost, or it took as much longer
// than the answers before as its retransmission was later.
func (e *engine) notLate(f *flight, ev *wire.Event, p *persistence) bool {
	first, took := int(f.same.first), e.took(f, ev)
	apart := f.tx[ev.Attempt].Sent - f.tx[first].Sent
	if before := p.late; before > 0 && apart >= wire.Longer(before) {
		return true
	}
	p.late = max(p.late, took+apart)
	return first > 0 && math.Pow(e.seen.share(priorLoss), float64(first)) < hardlyLate && took < synRTO
}

// retransmitAfter is how long after a SYN the same is sent. While it is not known which of two
// was answered, the first has so much time that its answer would come before.
func (h *host) retransmitAfter() time.Duration {
	if p := h.persistence; p != nil && !p.proven {
		return min(max(synRTO, wire.Longer(p.late)), mostApart)
	}
	return synRTO
}

func (p *persistence) findings() []probe.Finding {
	if !p.needed() || !p.proven {
		return nil
	}
	return []probe.Finding{wire.RetransmissionRequired("ports that answered a retransmission", int(p.answered), p.vain)}
}
