package live

import (
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe/why"
)

// An answer may come when its trial is over: on ways whose round trips take longer than
// trials wait. It counts all the same, and what is asked from then on is waited for longer.

// answerOf is what an answer to a SYN carries.
type answerOf struct {
	src, dst netip.AddrPort
	ack      craft.Seq
}

// awaited is a trial that was given up, and when its SYN left.
type awaited struct {
	trial why.Trial
	left  time.Time
}

// Bounds of late answers.
const (
	slowFrom   = 700 * time.Millisecond // round trips from which no retransmitted SYN-ACK is known from a first one
	mostWaited = 6 * time.Second
)

// lateAnswer takes in the SYN-ACK or RST of a trial that was given up, and tells whether it is
// the first one; mu is held. Where answers come fast, it is one that the host had to repeat, several times, and says no more than its silence did.
func (i *Instrument) lateAnswer(s *craft.Segment, ev *event) (first bool) {
	key := answerOf{s.Dst, s.Src, s.Ack}
	a, known := i.givenUp[key]
	if !known || !s.Flags.Has(craft.ACK) || s.Flags&(craft.SYN|craft.RST) == 0 || ev.fragment {
		return false
	}
	delete(i.givenUp, key)
	if rtt, measured := i.rtts[a.trial.Addr]; measured && rtt < slowFrom {
		return false
	}
	late := why.Latecomer{Trial: a.trial.ID, Outcome: why.SYNACK, Reply: a.trial.Reply}
	late.Reply.RTT, late.Reply.TTL, late.Reply.From, late.Reply.Window = ev.at.Sub(a.left), s.TTL, s.Src.Addr(), int(s.Window)
	if s.Flags.Has(craft.RST) {
		late.Outcome, late.Reply.Window = why.Reset, -1
	}
	i.latecomers, i.slowest = append(i.latecomers, late), max(i.slowest, late.Reply.RTT)
	return true
}

// Late is what came for trials that were given up, since it was asked last.
func (i *Instrument) Late() (list []why.Latecomer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	list, i.latecomers = i.latecomers, nil
	return list
}

// patience is how long an answer is waited for: the usual time, or more where answers
// have come later.
func (i *Instrument) patience(usual time.Duration) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return max(usual, min(i.slowest*3/2, mostWaited))
}

// misdirected is the exchange of which a SYN-ACK, or an RST, carries the number, if it comes
// from another address than was asked; mu is held.
func (i *Instrument) misdirected(s *craft.Segment) *exchange {
	if !s.Flags.Has(craft.ACK) || s.Flags&(craft.SYN|craft.RST) == 0 {
		return nil
	}
	for _, o := range i.exchanges[s.Dst.Port()] {
		n := &o.numbers
		if s.Dst.Addr() == o.src.Addr() && s.Src.Addr() != o.dst.Addr().WithZone("") && n.flags.Has(craft.SYN) && !n.open && s.Ack == n.isn+1 {
			return o
		}
	}
	return nil
}
