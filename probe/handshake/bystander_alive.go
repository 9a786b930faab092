package handshake

import (
	"time"

	"synscope/craft"
)

// resetMark is what is kept of an RST in the name of one end, to see whether
// that end goes on. The zero resetMark is of none.
type resetMark struct {
	at         uint32    // in milliseconds since the connection's first packet
	next, peer craft.Seq // what the end and the other one were to use next, as far as captured
	seq, ack   craft.Seq // of the RST
	sent       craft.Seq // the first number that the end has used since
	val        uint32    // its timestamp, 0 none
	ttl        uint8
	acks       bool // the RST acknowledges, and has a number: it is no answer to a segment
	heard      bool // peer is set
	early      bool // the end had sent no more than its SYN
	talking    bool // the two ends had exchanged data
	set        bool
	sends      bool  // sent is set
	doubted    bool  // the end may have gone on
	again      uint8 // segments that the end has retransmitted since
	jumped     bool  // what came later does not go on where the RST was
	void       bool  // the end has gone on: the RST was not its own
}

// aliveAfter is what shows that an end went on after an RST in its name.
type aliveAfter struct {
	side  Side
	ttl   uint8 // of the RST
	count uint8
	after time.Duration // from the RST to the latest sign, to the millisecond
}

// markReset remembers an RST that counts; the first one stays.
func (b *Bystander) markReset(at int64, from Side, s *craft.Segment, before *Pair) {
	if b.resets == nil {
		b.resets = new([2]resetMark)
	}
	m := &b.resets[from]
	if m.set {
		return
	}
	me, you := before.end(from), before.end(from.Other())
	*m = resetMark{
		at: b.since(at), next: s.Seq, peer: you.Nxt, seq: s.Seq, ack: s.Ack, ttl: s.TTL, acks: s.Flags.Has(craft.ACK) && s.Seq != 0,
		heard: you.Opened(), early: !me.Confirmed(), talking: me.talked() || you.talked(), set: true,
	}
	m.val, _, _ = s.Options.Timestamps()
	if me.Opened() {
		m.next = me.Nxt
	}
	if m.acks && me.Opened() && believable(me, you, s.Ack) && m.peer.LessThan(s.Ack) {
		m.peer = s.Ack
	}
}

// believable tells whether an RST may acknowledge a number: no more was missed
// than its sender has room for.
func believable(me, you *End, ack craft.Seq) bool {
	return you.Opened() && you.Nxt.LessThanEq(ack) && near(you, me, ack)
}

// talked tells whether the end has sent data that the other has acknowledged.
func (e *End) talked() bool {
	return e.Opened() && e.facts.has(spoken) && e.ISS.Add(1).LessThan(e.Una)
}

// mark is what is known of an RST in the name of an end, to be read.
func (b *Bystander) mark(side Side) *resetMark {
	if b.resets == nil {
		return &noReset
	}
	return &b.resets[side]
}

var noReset resetMark

// repeatsForged tells a duplicate of an RST after which its end has gone on.
func (b *Bystander) repeatsForged(from Side, s *craft.Segment) bool {
	m := b.mark(from)
	return m.void && m.seq == s.Seq
}

// alive takes in what a segment of from shows of RSTs before it: that its
// sender lives, or that it has received what the other has sent since.
//
// Numbers that jump may be those of a later connection on the same ports, of
// which the handshake was not captured: they prove nothing, and leave a doubt.
//
// What another clock has stamped may have come before the RST.
func (b *Bystander) alive(at int64, from Side, s *craft.Segment, n Notes, kept Kept) {
	if b.resets == nil || kept.Elsewhere {
		return
	}
	if n.Has(NoteGap | NoteUncaptured) {
		b.jumps()
	}
	if m := &b.resets[from]; m.set && b.since(at) <= m.at+disorder && m.next.LessThan(s.Seq.Add(s.Len())) {
		m.next = s.Seq.Add(s.Len()) // it may have been sent before
	}
	if m := &b.resets[from]; m.set && !m.jumped && !m.after(s) && (b.goesOn(at, from, s) || b.resends(at, m, s)) {
		b.revived(at, from)
	}
	if m := &b.resets[from.Other()]; m.set && !m.jumped && b.received(at, from.Other(), m, s) {
		b.revived(at, from.Other())
	}
}

// after tells an RST that was sent after a segment of its end, by their timestamps.
func (m *resetMark) after(s *craft.Segment) bool {
	val, _, ok := s.Options.Timestamps()
	return ok && m.val != 0 && int32(val-m.val) < 0
}

// jumps notes that what came after an RST does not go on where it was.
func (b *Bystander) jumps() {
	for i := range b.resets {
		if m := &b.resets[i]; m.set {
			m.jumped, m.doubted = true, true
		}
	}
}

// doubted tells whether the end may have gone on that an RST of it has ended.
func (b *Bystander) doubted() bool {
	return b.mark(Client).set && b.mark(Client).doubted || b.mark(Server).set && b.mark(Server).doubted
}

// longestRTO is how long a timeout may be (RFC 6298 §2.5 has 60 s at least, Linux
// 120), and some more.
const longestRTO = int64(130 * time.Second)

// disorder is by how much, in milliseconds, two segments may have been captured in
// another order than they were sent. An RST does not always have the number after
// what its end has sent: beyond a window that is shut Linux leaves that out
// (tcp_acceptable_seq in net/ipv4/tcp_output.c).
const disorder = 1

// later tells whether a segment cannot have been sent before an RST, by its
// stamp: less may be the order of capturing.
func (m *resetMark) later(now uint32) bool {
	return now >= m.at+uint32(overtaking/int64(time.Millisecond))
}

// goesOn tells whether a segment is of an end that did not send the RST in its
// name: it acknowledges what the other has sent since, or uses numbers beyond
// those of before. A client may be a program with a TCP of its own, for which
// the kernel speaks too, and sends RST as soon as there is a SYN-ACK: its new
// numbers count where it had talked before, or they came another way than the
// RST, and otherwise once the server has acknowledged them.
func (b *Bystander) goesOn(at int64, from Side, s *craft.Segment) bool {
	m := &b.resets[from]
	if m.heard && m.peer.LessThan(s.Ack) && (m.acks || m.later(b.since(at))) {
		return true
	}
	if m.early && from == Client && m.later(b.since(at)) && s.Seq.LessThan(m.seq) {
		return true // it begins before where it was said to end
	}
	end := s.Seq.Add(s.Len())
	if !m.next.LessThan(end) || s.Len() == 0 || !m.later(b.since(at)) && !(m.acks && m.seq.LessThanEq(s.Seq) && b.since(at) > m.at+disorder) {
		return false
	}
	if !m.sends {
		m.sends, m.sent = true, s.Seq
	}
	return from == Server || m.talking || !b.known.has(knowTwoPlaces) && apart(m.ttl, s.TTL, s.TTL)
}

// resends tells whether an end still retransmits what it had sent before an RST
// in its name: a socket that is closed does not. One segment may be a copy that
// came late, unless it has come another way than the RST.
func (b *Bystander) resends(at int64, m *resetMark, s *craft.Segment) bool {
	const soonest, latest = 190, uint32(longestRTO / int64(time.Millisecond)) // the least RTO (tcp(7), rto_min), and the most
	passed := b.since(at) - m.at
	if s.Len() == 0 || b.since(at) < m.at || passed < soonest || passed > latest || m.next.LessThan(s.Seq.Add(s.Len())) {
		return false
	}
	m.again = min(m.again, 254) + 1
	return m.again > 1 || m.ttl != s.TTL && !b.known.has(knowTwoPlaces)
}

// received tells whether a segment acknowledges what the end that an RST
// speaks for has sent since. What a server acknowledges of a client may have
// been on its way to it, and not captured: that is a doubt only.
func (b *Bystander) received(at int64, dead Side, m *resetMark, s *craft.Segment) bool {
	if m.sends && m.sent.LessThan(s.Ack) && m.seq.LessThan(s.Ack) {
		return true
	}
	if !m.later(b.since(at)) || s.Ack.LessThanEq(m.next) || s.Ack.LessThanEq(m.seq) {
		return false
	}
	m.doubted = m.doubted || dead == Client
	return dead == Server
}

// revived takes an RST back whose end has gone on. One of a client that had not
// finished the handshake may be its answer to what came of an older connection.
func (b *Bystander) revived(at int64, side Side) {
	m := &b.resets[side]
	if side == Client && m.early {
		b.withdraw(side)
		return
	}
	b.known |= knowGenuine
	r := b.rare()
	if r.alive.count == 0 {
		r.alive.side, r.alive.ttl = side, m.ttl
	}
	r.alive.count = min(r.alive.count, 254) + 1
	r.alive.after = time.Duration(b.since(at)-min(m.at, b.since(at))) * time.Millisecond
	if side == Server {
		b.known &^= knowServerReset
		r.forged, r.reset, r.overflow = r.reset, resetKept{}, false
	} else {
		b.known &^= knowClientReset
	}
	m.set, m.void = false, true
	b.unreset(side)
}

// unreset gives both ends the states back that they would have without the RST.
func (b *Bystander) unreset(side Side) {
	b.pair.end(side).forget(sentReset)
	if !b.pair.end(side.Other()).facts.has(sentReset) {
		b.pair.Client.forget(wasReset)
		b.pair.Server.forget(wasReset)
	}
}

// asksAgain takes an RST of an end back that retransmits its SYN later: it
// answered what came of an older connection.
func (b *Bystander) asksAgain(at int64, side Side) {
	if m := b.mark(side); m.set && m.later(b.since(at)) {
		b.withdraw(side)
	}
}

// withdraw forgets an RST that was about something else.
func (b *Bystander) withdraw(side Side) {
	b.resets[side] = resetMark{}
	if side == Client {
		b.known &^= knowClientReset
	} else {
		b.known &^= knowServerReset
		b.more.overflow = false
	}
	b.unreset(side)
}
