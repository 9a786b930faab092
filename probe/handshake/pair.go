package handshake

import "synscope/craft"

// Pair is both ends of a connection as one tap sees them. What an end has sent
// is known; that it has received a segment is assumed, until what it sends
// says otherwise: a retransmitted SYN-ACK or FIN was not acknowledged.
type Pair struct{ Client, Server End }

func (p *Pair) end(s Side) *End {
	if s == Client {
		return &p.Client
	}
	return &p.Server
}

// Observe takes in one segment and says what is to be noted about it. It is
// the order of checks of RFC 9293 §3.10.7, seen from outside.
func (p *Pair) Observe(from Side, s *craft.Segment) Notes {
	me, you := p.end(from), p.end(from.Other())
	var n Notes
	if me.facts.has(sentReset) {
		n = NoteAfterReset
	}
	switch {
	case s.Flags.Has(craft.RST):
		return reset(me, you, s)
	case s.Flags.Has(craft.SYN):
		return n | opening(me, you, s)
	case !s.Flags.Has(craft.ACK):
		return n | NoteNoAck
	case !me.Opened() && you.Opened():
		return n | NoteChallenge
	case !me.Opened():
		return n | NoteGap
	}
	return n | talk(from, me, you, s)
}

// reset checks the number of an RST (RFC 9293 §3.10.7.3, RFC 5961 §3.2). One
// that answers a segment has its acknowledgement number (§3.5.2): a number that
// was right some time ago answers a segment that came late.
func reset(me, you *End, s *craft.Segment) Notes {
	switch {
	case you.State() == SYNSent && !s.Flags.Has(craft.ACK), you.State() == SYNSent && s.Ack == you.ISS:
		return NoteUnverifiedReset
	case you.State() == SYNSent && !you.covers(s.Ack):
		return NoteIllegalReset
	case you.State() == SYNSent, !me.Opened():
	case !you.Opened() && s.Seq.Sub(me.Una) != 1 && s.Seq != me.Nxt:
		return NoteOldReset
	case me.Una.LessThanEq(s.Seq) && s.Seq.LessThanEq(me.Nxt):
	case me.ISS.LessThan(s.Seq) && s.Seq.LessThan(me.Una):
		return NoteOldReset
	case s.Seq.InWindow(me.Una, you.Room):
		return NoteInexactReset
	default:
		return NoteIllegalReset
	}
	me.learn(wasReset | sentReset)
	you.learn(wasReset)
	return 0
}

// opening takes in a SYN or SYN-ACK.
func opening(me, you *End, s *craft.Segment) (n Notes) {
	ack := s.Flags.Has(craft.ACK)
	switch {
	case me.Opened() && s.Seq != me.ISS:
		return NoteOtherSYN
	case ack && you.Opened() && !you.covers(s.Ack):
		return NoteBadAck
	case !me.Opened():
		me.open(s)
		if s.Flags.Has(craft.FIN) { // RFC 9293 §3.10.7.3 goes on to it
			finish(me, you, s, 0)
		}
	case !ack || me.facts.has(answered):
		n = retransmittedSYN(me)
	}
	return n | greet(me, you, s)
}

// greet takes in what a SYN says beside its number.
func greet(me, you *End, s *craft.Segment) (n Notes) {
	ack := s.Flags.Has(craft.ACK)
	if me.Una == me.ISS && !me.facts.has(spoken) {
		me.Room = uint32(s.Window)
	}
	if you.Opened() {
		you.learn(synReceived)
	}
	if ack {
		me.learn(answered | synReceived)
		revive(me, you)
		acknowledge(me, you, s)
	}
	if len(s.Payload) > 0 {
		n |= NoteData
		if ack {
			n |= NoteEarlyData
		}
	}
	return n | zeroWindow(s)
}

// retransmittedSYN notes a retransmitted SYN: unless its end has moved on, nobody has
// acknowledged it.
func retransmittedSYN(me *End) Notes {
	if !me.facts.has(spoken) {
		me.forget(synAcked)
	}
	return NoteRetransmission
}

// revive takes an RST back that a genuine SYN-ACK has contradicted.
func revive(me, you *End) {
	if me.facts.has(sentReset) && !me.facts.has(spoken) {
		me.forget(wasReset | sentReset)
		you.forget(wasReset)
	}
}

// scale is by how many bits me's windows are shifted: only where both ends offered it (RFC 7323
// §2.2). A bystander may learn of the client's offer after the server's.
func scale(me, you *End) uint8 {
	if me.Scaled && you.Scaled {
		return me.Shift
	}
	return 0
}

// acknowledge takes in an acknowledgement number of me that covers numbers of
// you. What me acknowledges it has received.
func acknowledge(me, you *End, s *craft.Segment) {
	me.Rcv = s.Ack
	if !you.Opened() {
		return
	}
	if you.Una.LessThan(s.Ack) {
		you.Una = s.Ack
	}
	if you.ISS.LessThan(s.Ack) {
		you.learn(synAcked)
	}
	if you.Finished() && you.FIN.LessThan(s.Ack) {
		you.learn(finAcked)
		me.learn(finReceived)
	}
}

// talk takes in a segment of an end that has sent its SYN before.
func talk(from Side, me, you *End, s *craft.Segment) (n Notes) {
	switch {
	case you.Opened() && you.Nxt.LessThan(s.Ack):
		return NoteBadAck
	case outside(me, you, s):
		return NoteOutside
	}
	return converse(from, me, you, s)
}

// converse takes in a segment whose numbers have been found possible.
func converse(from Side, me, you *End, s *craft.Segment) (n Notes) {
	if len(s.Payload) > 0 {
		n = aboutData(from, me, you)
	}
	n |= sequence(me, you, s) | window(me, you, s)
	if s.Flags.Has(craft.FIN) {
		if n.Has(NoteRetransmission) && me.State() == Closed && you.State() == TimeWait {
			n |= NoteFINAgain
		}
		finish(me, you, s, n)
	}
	acknowledge(me, you, s)
	me.learn(spoken)
	if s.Len() > 0 {
		me.learn(synAcked) // a bare ACK may also answer a segment out of place
	}
	return n
}

// outside tells whether a segment lies before the connection, or beyond the
// window that its receiver has opened (RFC 9293 §3.4, table 6). One number of
// tolerance is for a probe of a window of zero.
func outside(me, you *End, s *craft.Segment) bool {
	return s.Seq.LessThan(me.ISS) || s.Len() > 0 && me.Una.Add(you.Room+1).LessThan(s.Seq)
}

func aboutData(from Side, me, you *End) Notes {
	n := NoteData
	if from == Server && you.Nxt == you.ISS.Add(1) {
		n |= NoteUnasked
	}
	if !me.facts.has(synAcked) {
		n |= NoteEarlyData
	}
	return n
}

// sequence advances what me has sent.
func sequence(me, you *End, s *craft.Segment) (n Notes) {
	length := s.Len()
	last := me.Nxt.Sub(s.Seq)
	end := s.Seq.Add(length)
	switch {
	case length <= 1 && last == 1 && !s.Flags.Has(craft.FIN) && me.InFlight() == 0:
		return NoteKeepAlive
	case length == 0:
		return 0
	case end.LessThanEq(me.Nxt):
		n = NoteRetransmission
	case last < 0:
		n = NoteGap
	case length == 1 && len(s.Payload) == 1 && you.Room == 0:
		n = NoteWindowProbe
	}
	if me.Nxt.LessThan(end) {
		me.Nxt = end
	}
	return n
}

// window takes in the window that me announces, and notes bare
// acknowledgements that bring nothing else.
func window(me, you *End, s *craft.Segment) (n Notes) {
	room := uint32(s.Window) << scale(me, you)
	bare := s.Len() == 0 && s.Ack == you.Una && (me.facts.has(spoken) || me.Room == 0)
	switch {
	case bare && room != me.Room:
		n = NoteWindowUpdate
	case bare && s.Ack == me.Rcv && you.InFlight() > 0:
		n = NoteDuplicateACK
	}
	if you.Una.LessThanEq(s.Ack) {
		me.Room = room
	}
	return n | zeroWindow(s)
}

func zeroWindow(s *craft.Segment) Notes {
	if s.Window == 0 {
		return NoteZeroWindow
	}
	return 0
}

// finish takes in a FIN. One that left before its sender had the other's FIN
// came first; a retransmitted one was not acknowledged.
func finish(me, you *End, s *craft.Segment, n Notes) {
	if me.Finished() {
		me.forget(finAcked)
		return
	}
	me.FIN = s.Seq.Add(s.Len() - 1)
	me.learn(finSent)
	if !you.Finished() || s.Ack.LessThanEq(you.FIN) {
		me.learn(finFirst)
	}
	if !n.Has(NoteGap) {
		you.learn(finReceived)
	}
}
