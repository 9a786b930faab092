package handshake

import "synscope/craft"

// End is one end of a connection as far as segments have shown it. The
// sequence variables are those of RFC 9293 §3.3.1. The zero End has
// sent nothing.
type End struct {
	ISS craft.Seq // number of its SYN
	Una craft.Seq // the oldest number that the other end has not acknowledged
	Nxt craft.Seq // the next number it will use
	Rcv craft.Seq // the next number it expects, as its last ACK said
	FIN craft.Seq // number of its FIN, once sent

	Room    uint32 // its receive window in bytes, as it last said
	MSS     uint16 // that it asked for; 0 where it did not say
	facts   facts
	Shift   uint8 // that it offered: by which its window is scaled where both have
	Scaled  bool  // offered window scaling
	Stamped bool  // offered timestamps
	SACK    bool  // offered selective acknowledgement
}

// facts are what is known to have happened to an end.
type facts uint16

const (
	synSent     facts = 1 << iota
	synAcked          // the other end has acknowledged it
	synReceived       // the other end's SYN has come
	finSent
	finAcked
	finReceived
	finFirst  // its FIN left before the other's came
	answered  // its SYN came with an ACK
	spoken    // it sent something that only a synchronized end sends
	wasReset  // an RST from or to it counted
	sentReset // it was its own
)

func (f facts) has(g facts) bool { return f&g == g }

// State derives the state from the facts: each of them is a transition of RFC
// 9293 figure 5 that has been taken.
func (e *End) State() State {
	f := e.facts
	switch {
	case f.has(sentReset), f.has(wasReset | synSent):
		return Closed
	case !f.has(synSent):
		return Unknown
	case !f.has(synReceived):
		return SYNSent
	case !f.has(synAcked):
		return SYNReceived
	case !f.has(finSent) && !f.has(finReceived):
		return Established
	case !f.has(finSent):
		return CloseWait
	}
	return e.closing()
}

// closing is the state of an end that has sent its FIN.
func (e *End) closing() State {
	f := e.facts
	switch {
	case !f.has(finReceived) && !f.has(finAcked):
		return FINWait1
	case !f.has(finReceived):
		return FINWait2
	case f.has(finFirst) && !f.has(finAcked):
		return Closing
	case f.has(finFirst):
		return TimeWait
	case !f.has(finAcked):
		return LastAck
	}
	return Closed
}

func (e *End) learn(f facts)  { e.facts |= f }
func (e *End) forget(f facts) { e.facts &^= f }

// Opened reports whether the end's SYN has been seen.
func (e *End) Opened() bool { return e.facts.has(synSent) }

// Finished reports whether the end's FIN has been seen.
func (e *End) Finished() bool { return e.facts.has(finSent) }

// Confirmed reports whether the end has shown by a segment of its own, not
// only by what was sent to it, that it is synchronized.
func (e *End) Confirmed() bool { return e.facts.has(spoken) }

// InFlight is how many numbers it has used that are not acknowledged.
func (e *End) InFlight() uint32 { return uint32(e.Nxt.Sub(e.Una)) }

// open takes the numbers and the offers of an end's SYN.
func (e *End) open(s *craft.Segment) {
	e.ISS, e.Una, e.Nxt = s.Seq, s.Seq, s.Seq.Add(s.Len())
	e.offer(s)
	e.learn(synSent)
}

// offer takes the offers of an end's SYN.
func (e *End) offer(s *craft.Segment) {
	e.MSS, _ = s.Options.MSS()
	_, e.Scaled = s.Options.WindowScale()
	_, _, e.Stamped = s.Options.Timestamps()
	e.SACK = s.Options.SACKPermitted()
	if shift, ok := s.Options.WindowScale(); ok {
		e.Shift = min(shift, maxShift)
	}
}

// maxShift is the largest window scale (RFC 7323 §2.3).
const maxShift = 14

// covers tells whether a number acknowledges the end's SYN and nothing
// that it has not sent.
func (e *End) covers(ack craft.Seq) bool { return e.ISS.LessThan(ack) && ack.LessThanEq(e.Nxt) }
