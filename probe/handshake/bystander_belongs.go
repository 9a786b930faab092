package handshake

import (
	"time"

	"synscope/craft"
)

// plausible tells whether numbers go on from what was seen, however much was
// missed, or are not far behind it.
func plausible(d int32, behind int32) bool { return d >= -behind && d < far }

// belongs tells whether a segment is of this connection: one of its two
// numbers goes on from what was seen. Both are required while nothing
// of the other end was captured.
func (b *Bystander) belongs(from Side, me, you *End, s *craft.Segment) bool {
	switch {
	case b.beforeISN(from, me, s.Seq):
		return false
	case me.Opened() && you.Opened() && me.facts.has(wasReset):
		return near(me, you, s.Seq) && near(you, me, s.Ack) // nothing was missed that a dead connection has sent
	case me.Opened() && you.Opened():
		seq, ack := plausible(s.Seq.Sub(me.Nxt), late), plausible(s.Ack.Sub(you.Nxt), late)
		return seq && ack || (seq || ack) && (s.Len() > 0 || me.Confirmed() && you.Confirmed())
	case me.Opened():
		return plausible(s.Seq.Sub(me.Nxt), late)
	case you.Opened():
		return plausible(s.Ack.Sub(you.ISS), 0)
	}
	return true
}

// near tells whether a number of an end is not more than a window ahead of what
// was captured.
func near(me, you *End, n craft.Seq) bool {
	return plausible(n.Sub(me.Nxt), late) && n.LessThanEq(me.Nxt.Add(max(you.Room, minimalRoom)))
}

// Renewed tells whether a segment begins another connection on the same addresses and ports: a SYN
// with another ISN than before, or anything whose numbers have nothing to do with a connection that
// has ended. A SYN that comes long after other segments and does not continue them belongs to
// another connection, too.
func (b *Bystander) Renewed(at int64, from Side, s *craft.Segment) bool {
	me, you := b.pair.end(from), b.pair.end(from.Other())
	over := b.Over()
	b.named(at, from, me, s)
	switch s.Flags & (craft.SYN | craft.ACK | craft.RST) {
	case craft.SYN:
		if from == Server && !me.Opened() {
			return b.known.has(knowRefused)
		}
		return me.Opened() && s.Seq != me.ISS &&
			(from == Client || over || !b.known.has(knowClientSYN)) &&
			(b.known.has(knowSYN(from)) || !justBefore(me, s) || !b.opens(at))
	case craft.SYN | craft.ACK:
		if !me.Opened() {
			const gaveUp = int64(10 * time.Second)
			return from == Server && b.known.has(knowClientSYN) && !you.covers(s.Ack) && at-b.last > gaveUp
		}
		return s.Seq != me.ISS && (b.asked(from, me, you) || b.otherAnswer(at, from, me, you, s))
	case craft.ACK:
		return me.Opened() && you.Opened() && b.foreign(from, me, you, s)
	case craft.RST | craft.ACK: // refuses a SYN that was not captured
		return s.Seq == 0 && from == Server && me.Opened() && you.Opened() && !b.known.has(knowProven) && !near(you, me, s.Ack)
	}
	return false
}

// foreign tells whether the numbers of a segment are those of another
// connection. One that was reset may have gone on all the same, as far ahead as
// numbers can have come meanwhile.
func (b *Bystander) foreign(from Side, me, you *End, s *craft.Segment) bool {
	apart := strange(me, you, s)
	switch {
	case !me.Confirmed() && !b.known.has(knowSYN(from)) && b.beforeISN(from, me, s.Seq):
		return true
	case !b.Over():
		return false
	case !apart && b.resets != nil && me.facts.has(wasReset) && !near(me, you, s.Seq) && !near(you, me, s.Ack):
		b.jumps()
		return true
	case afterFIN(me, s.Seq.Add(s.Len())), afterFIN(you, s.Ack):
		return true
	}
	return apart
}

// afterFIN tells a number behind the FIN of an end: nothing of its connection
// follows that.
func afterFIN(e *End, n craft.Seq) bool { return e.Finished() && e.FIN.Add(1).LessThan(n) }

// strange tells a segment of which both numbers have nothing to do with what was
// captured.
func strange(me, you *End, s *craft.Segment) bool {
	return !plausible(s.Seq.Sub(me.Nxt), late) && !plausible(s.Ack.Sub(you.Nxt), late)
}

// beforeISN tells a number that lies before an end's SYN.
func (b *Bystander) beforeISN(from Side, me *End, n craft.Seq) bool {
	return b.known.has(knowISN(from)) && plausible(me.Nxt.Sub(me.ISS), 0) && n.LessThan(me.ISS)
}

// otherAnswer tells whether a SYN-ACK with another number is about another
// connection: it acknowledges another SYN than the one captured, or comes long
// after its end has sent more.
func (b *Bystander) otherAnswer(at int64, from Side, me, you *End, s *craft.Segment) bool {
	known := b.known.has(knowISN(from)) && b.known.has(knowISN(from.Other()))
	switch {
	case known && !b.acknowledges(from.Other(), you, s.Ack):
		return b.Over() || !me.Confirmed()
	case !b.known.has(knowISN(from)):
		return s.Seq.Add(1) != me.Nxt && !b.opens(at)
	}
	return b.Over() && !plausible(s.Ack.Sub(you.ISS), 0)
}

// opens tells whether a segment is captured when the handshake is: soon after
// the connection's first segment, its latest SYN, the ACK of its SYN-ACK, or the
// first of what follows that.
func (b *Bystander) opens(at int64) bool {
	ms := int64(time.Millisecond)
	return min(at-b.begin, at-b.syn.latest, at-b.ackAt) <= mostOvertaken ||
		b.syn.wentOn > 0 && at-b.begin-int64(b.syn.wentOn-1)*ms <= mostOvertaken
}

// named takes back what the third segment has told of the server's ISN, where
// that was a later one, captured before: the server has numbers below it.
func (b *Bystander) named(at int64, from Side, me *End, s *craft.Segment) {
	const window = 1 << 20
	below := me.ISS.Sub(s.Seq)
	if s.Flags.Has(craft.SYN) {
		below--
	}
	if from == Server && b.known&(knowServerISN|knowServerSYN) == knowServerISN && below >= 0 && below < window && b.opens(at) {
		b.known &^= knowServerISN
		b.ackAt = 0
	}
}

// justBefore tells a SYN that may be the one of an end of which other segments
// were captured before: no more than a window lies between.
func justBefore(me *End, s *craft.Segment) bool {
	const most = 1 << 20
	d := me.Nxt.Sub(s.Seq.Add(1))
	return d >= 0 && d <= most
}

func ended(s State) bool { return s == Closed || s == TimeWait || s == Unknown }
