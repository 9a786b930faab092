package sample

import (
	"time"

	"synscope/probe/internal/wire"
)

// The last SYN before the sampling of a host that answers nothing is given up is sent once more,
// a second later (probe/internal/wire/same.go says why). Once that is answered, the plan begins
// anew, and each of its SYNs comes twice until one is answered at once.

// foresees tells whether the same SYN is sent once more where nothing answers this one.
func (x *trial) foresees() bool {
	last := len(x.numbers) == 0 && (x.silent >= silence-1 || len(x.steps) == 0)
	return x.cfg.Timeout >= wire.SYNRTO && x.persistence.Open() && (last || x.persistence.Promising())
}

// mayPersist tells whether that may be done now.
func (x *trial) mayPersist() bool {
	return !x.settled && !x.Stopping && len(x.syns) == 1 && x.syns[0].First == nil && x.outcome.Unanswered() && x.foresees()
}

// sendSame sends the SYN once more.
func (x *trial) sendSame() {
	s := x.syns[0]
	again := s.Same()
	if x.transmit(again, x.sameStamp(s)) {
		s.Closed, s.Ended = true, true // by the RST that closes the other
		x.syns = x.syns[1:]
	}
}

// sameStamp is the time stamp of a SYN that is sent once more.
func (x *trial) sameStamp(s *syn) uint32 {
	if x.step.SameISN {
		return x.tsBase
	}
	return s.tsval + uint32((x.Now-s.Tx.Sent)/time.Millisecond)
}

// told finds out which of two transmissions of a SYN an answer is to, and tells whether that is
// sure.
func (x *trial) told(s *syn, ev *wire.Event) (sure bool) {
	switch {
	case s.First != nil:
	case x.step.SameISN && x.persistence.Promising(): // it has come before, in another step
		return true
	default:
		x.persistence.AnsweredFirst()
		return true
	}
	first := s.First
	_, ecr, stamped := ev.Seg.Options.Timestamps()
	switch apart := s.Tx.Sent - first.Tx.Sent; {
	case stamped && ev.Kind == wire.KindSYNACK && !x.step.SameISN && ecr == s.tsval:
		x.persist(s.Tx.Sent, apart, true)
		return true
	case stamped && ev.Kind == wire.KindSYNACK && !x.step.SameISN && ecr == s.tsval-uint32(apart/time.Millisecond):
		x.persistence.AnsweredFirst()
		s.Transmission = first
		return false
	default:
		x.persist(s.Tx.Sent, apart, false)
		return false
	}
}

// persist takes note of an answer to a SYN that was sent once more at a time.
func (x *trial) persist(sent, apart time.Duration, sure bool) {
	begins, took := !x.persistence.Promising() && len(x.numbers) == 0, x.Now-sent
	sure = sure || x.silent > 0 && took < wire.SYNRTO // the SYNs before would have been answered by now too
	x.persistence.Answered(x.silent+1, sure, apart, took)
	x.anew = x.anew || begins && x.persistence.Promising()
}
