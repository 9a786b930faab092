package wire

import (
	"fmt"
	"math"
	"time"

	"synscope/probe"
)

// A protection against SYN floods may drop every SYN until the same one comes a second time: with
// the ports and the sequence number of the first, as each TCP retransmits it after a second (RFC
// 6298 §2.1) and a flooding program does not. So an engine whose new SYNs draw no answer sends one
// of them once more. An answer to that names both transmissions alike, and only a time stamp tells
// them apart (RFC 7323 §4): without one, the answer has no round trip (Karn's algorithm, RFC 6298
// §3).

const (
	// SYNRTO is the least time between a SYN and its retransmission.
	SYNRTO = time.Second
	// MostApart is the most.
	MostApart = 3 * SYNRTO
	// stampAge is how old the time stamp of a transmission may be when it leaves.
	stampAge = SYNRTO
	// hardlyLost is the probability below which loss does not explain that only retransmissions
	// were answered.
	hardlyLost = 0.001
	// priorLoss is the loss of a network of which nothing is known, and priorTrials how many
	// trials that counts for.
	priorLoss   = 0.02
	priorTrials = 8
)

// Same is one more transmission of the SYN of s: only its time stamp differs.
func (s *Transmission) Same() *Transmission {
	s.Next = &Transmission{
		Src: s.Src, Dst: s.Dst, Numbers: s.Numbers, Link: s.Link, Index: s.Index, N: s.N, Attempt: s.Attempt + 1,
		Due: s.Due, TTL: s.TTL, IPID: s.IPID + 1, Small: s.Small, Noted: s.Noted, First: s,
	}
	return s.Next
}

// Unanswered tells whether nothing has come of a transmission that would be lost if the same
// was sent once more.
func (o *Outcome) Unanswered() bool { return o.Doubtful() && !o.Renewed() && !o.Small() }

// Echoed is the latest of count transmissions that differ in their time stamps alone, and left
// at times, which a SYN-ACK repeats the time stamp of; ok is false where it repeats none.
func Echoed(ev *Event, n Numbers, count int, sent func(k int) time.Duration) (k int, ok bool) {
	for k = count - 1; k >= 0; k-- {
		if age, stamped := echoAge(ev, n, sent(k)); stamped && age < stampAge {
			return k, true
		}
	}
	return 0, false
}

// echoAge is how much earlier than a SYN of the same numbers that left at a time the one left whose time stamp a SYN-ACK
// repeats, to the millisecond; ok is false where it repeats none, or a later one.
func echoAge(ev *Event, n Numbers, sent time.Duration) (age time.Duration, ok bool) {
	_, ecr, stamped := ev.Seg.Options.Timestamps()
	age = time.Duration(int32(TSval(n, sent)-ecr)) * time.Millisecond
	return age, stamped && ev.Kind == KindSYNACK && age >= 0
}

// mostHalfOpen is how long a host may retransmit a SYN-ACK: Linux for 63 s.
const mostHalfOpen = 64 * time.Second

// Older is how much earlier than one that left at a time the SYN of the same numbers left whose time stamp a SYN-ACK repeats, to the
// millisecond; 0 where it repeats none.
func Older(ev *Event, n Numbers, sent time.Duration) time.Duration {
	if age, ok := echoAge(ev, n, sent); ok && age <= mostHalfOpen {
		return age
	}
	return 0
}

// Retransmitted tells whether so long after its first transmission a SYN-ACK is retransmitted, within what timers are late:
// after one second, three, seven and so on (RFC 6298 §2.1, §5.5).
func Retransmitted(after time.Duration) bool {
	for at := SYNRTO; at < mostHalfOpen; at = 2*at + SYNRTO {
		if late := after - at; late > -at/32 && late < at/8 {
			return true
		}
	}
	return false
}

// Answers is which transmission an answer to a retransmission of the same SYN is to, and whether
// a time stamp tells so. A SYN-ACK to the first may itself be retransmitted for the second.
func (s *Transmission) Answers(ev *Event) (t *Transmission, sure bool) {
	if s.First == nil {
		return s, true
	}
	alike := [...]*Transmission{s.First, s}
	if k, ok := Echoed(ev, s.Numbers, len(alike), func(k int) time.Duration { return alike[k].Tx.Sent }); ok {
		return alike[k], k > 0
	}
	return s, false
}

// HardlyLost tells whether it is unlikely that so many transmissions in vain were merely lost,
// where share of all is lost.
func HardlyLost(share float64, vain int) bool { return math.Pow(share, float64(vain)) < hardlyLost }

// Longer is a time after which an answer that takes so long would surely have come.
func Longer(took time.Duration) time.Duration { return took + took/4 }

// Persistence is what is known of a target that may answer nothing but retransmissions. The
// zero value is nothing.
type Persistence struct {
	firsts   bool          // it answered a SYN that had not come before
	proven   bool          // a time stamp, or when answers came, shows that it answered a retransmission
	answered int           // retransmissions that it answered
	missed   int           // those that it did not
	vain     int           // SYNs before those that it did, which it did not answer
	late     time.Duration // the round trip, if it was the first SYN that was answered
}

// AnsweredFirst takes note of an answer to a SYN that had not come before.
func (p *Persistence) AnsweredFirst() { p.firsts = true }

// Missed takes note of a retransmission that was not answered.
func (p *Persistence) Missed() { p.missed++ }

// Answered takes note of an answer to the second of two transmissions of a SYN. They left apart
// from each other, and the answer came took after the second. vain is how many SYNs drew no answer
// since the last answer, sure whether a time stamp tells which was answered.
func (p *Persistence) Answered(vain int, sure bool, apart, took time.Duration) {
	p.answered++
	p.vain += vain
	p.proven = p.proven || sure || p.late > 0 && apart >= Longer(p.late)
	p.late = max(p.late, apart+took)
}

// Open tells whether it may be that nothing but retransmissions is answered.
func (p *Persistence) Open() bool { return !p.firsts }

// Promising tells whether retransmissions were answered, and nothing else.
func (p *Persistence) Promising() bool { return !p.firsts && p.answered > 0 }

// Required tells whether nothing else is answered: loss hardly explains the silence before.
func (p *Persistence) Required() bool {
	return p.RequiredAt((float64(p.missed) + priorLoss*priorTrials) / (float64(p.answered+p.missed) + priorTrials))
}

// RequiredAt is Required where a share of all is lost.
func (p *Persistence) RequiredAt(share float64) bool {
	return p.Promising() && p.proven && HardlyLost(share, p.vain)
}

// After is how long after a SYN the same is sent. While it is not known which of two was
// answered, the first has so much time that its answer would come before.
func (p *Persistence) After() time.Duration {
	if p.answered > 0 && !p.proven {
		return min(max(SYNRTO, Longer(p.late)), MostApart)
	}
	return SYNRTO
}

// Findings is that retransmissions are required, where they are.
func (p *Persistence) Findings() []probe.Finding {
	if !p.Required() {
		return nil
	}
	return p.finding()
}

// FindingsAt is Findings where a share of all is lost.
func (p *Persistence) FindingsAt(share float64) []probe.Finding {
	if !p.RequiredAt(share) {
		return nil
	}
	return p.finding()
}

func (p *Persistence) finding() []probe.Finding {
	return []probe.Finding{RetransmissionRequired("answered retransmissions", p.answered, p.vain)}
}

// RetransmissionRequired is the finding of a host that answered SYNs only when the same came
// again: so often, what names it, after so many transmissions in vain.
func RetransmissionRequired(what string, answered, vain int) probe.Finding {
	return probe.Finding{
		Code: "syn-retransmission-required", Severity: probe.SeverityNotice,
		Text: "the host answered SYNs only when the same SYN came again, as every TCP sends it after a second: something on the way " +
			"protects it from floods, or drops first packets; a connection takes a second longer than its round trip",
		Evidence: fmt.Sprintf("%s with the same source port and sequence number: %d; transmissions to these before, none of them answered: %d", what, answered, vain),
	}
}
