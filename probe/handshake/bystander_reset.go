package handshake

import (
	"time"

	"synscope/craft"
)

// reset judges an RST by its number, as far as a bystander can: one ahead of
// what was captured may follow what was not.
func (b *Bystander) reset(at int64, from Side, me, you *End, s *craft.Segment) Notes {
	switch {
	case b.repeatsForged(from, s):
		return NoteIllegalReset
	case !me.Opened() && !you.Opened():
		return NoteUnverifiedReset
	case !me.Opened():
		if n, ok := b.refusal(from, you, s); !ok {
			return n
		}
	case b.older(from, me, s):
		return NoteOldReset
	case !plausible(s.Seq.Sub(me.Nxt), late), b.beforeSYN(from, me, s):
		if answersOther(me, you, s) {
			return NoteOldReset
		}
		return b.impossible(at, me, you, NoteOldReset)
	case me.Nxt.Add(max(you.Room, minimalRoom)).LessThan(s.Seq):
		if answersOther(me, you, s) {
			return NoteOldReset
		}
		if n := b.impossible(at, me, you, 0); n != 0 {
			return n
		}
	}
	if s.Flags.Has(craft.ACK) && believable(me, you, s.Ack) {
		b.ways[from.Other()].miss(b.since(at), you.Nxt, s.Ack, you.Una)
		you.Nxt = s.Ack
	}
	me.learn(wasReset | sentReset)
	you.learn(wasReset)
	return 0
}

// answersOther tells whether an RST acknowledges a segment of another connection,
// as a SYN that was not captured, or answers one without ACK, to which a socket that
// is gone gives the number 0 (RFC 9293 §3.10.7.1): some stacks answer even an RST.
func answersOther(me, you *End, s *craft.Segment) bool {
	return s.Flags.Has(craft.ACK) && you.Opened() && (!near(you, me, s.Ack) || s.Seq == 0)
}

// older tells an RST that is about an earlier connection, while its end has sent
// no more than its SYN: its number lies before that, or is the one that a
// segment of that, or a SYN-ACK to another SYN, has acknowledged.
func (b *Bystander) older(from Side, me *End, s *craft.Segment) bool {
	return !me.Confirmed() && (b.beforeSYN(from, me, s) ||
		from == Client && b.more != nil && b.more.refusable.has(s.Seq) && s.Seq != me.ISS.Add(1))
}

func (b *Bystander) beforeSYN(from Side, me *End, s *craft.Segment) bool {
	return b.beforeISN(from, me, s.Seq) || b.known.has(knowISN(from)) && s.Seq == me.ISS
}

// minimalRoom is the window of an end whose own has not been seen.
const minimalRoom = 1 << 16

// refusal judges an RST of an end of which nothing else was captured, as the
// answer to the other's SYN (RFC 9293 §3.10.7.3).
func (b *Bystander) refusal(from Side, you *End, s *craft.Segment) (n Notes, ok bool) {
	switch {
	case from == Server && b.answersQuestion(s):
		return 0, true
	case !s.Flags.Has(craft.ACK):
		return NoteUnverifiedReset, from == Client
	case b.known.has(knowISN(from.Other())) && s.Ack == you.ISS:
		return NoteUnverifiedReset, false
	case b.known.has(knowSYN(from.Other())) && !you.covers(s.Ack), !plausible(s.Ack.Sub(you.ISS.Add(1)), 0):
		return NoteOldReset, false
	}
	return 0, true
}

// impossible is [NoteIllegalReset] for a number that no end could have sent
// at that point, and otherwise what it is where segments were missed. It is
// certain only of a connection that was followed without a gap, both ways, up
// to just before. To one that is over an RST does nothing.
func (b *Bystander) impossible(at int64, me, you *End, otherwise Notes) Notes {
	gaps, _, _ := b.Gaps()
	whole := b.known.has(knowClientSYN | knowServerSYN | knowClientPlain | knowServerPlain)
	if gaps == 0 && whole && !b.Over() && b.strays == 0 && b.tail(Client) == 0 && b.tail(Server) == 0 &&
		time.Duration(at-b.last) < current && !me.facts.has(sentReset) && you.Room > 0 {
		return NoteIllegalReset
	}
	return otherwise
}

// current is how recently a segment of a connection must have been captured for its
// numbers to be up to date.
const current = time.Second

// overtaking is how long after an RST the host must go on to show that the RST
// was not its own: less may be the order of capturing.
const overtaking = int64(10 * time.Millisecond)

// serverReset notes an RST of the server.
func (b *Bystander) serverReset(at int64, s *craft.Segment, n Notes, before *Pair) {
	m := b.rare()
	if m.resetCount < 255 {
		m.resetCount++
	}
	state := before.Client.State()
	this := resetKept{
		at: at, state: state, seq: s.Seq, ack: s.Ack, flags: s.Flags, ttl: s.TTL,
		window: s.Window, notes: n,
	}
	if m.reset.at == 0 || m.reset.notes.Void() && !n.Void() {
		m.reset = this
	}
	switch {
	case n.Has(NoteIllegalReset):
		b.known |= knowForged
		m.forged = this
	case n.Void():
		b.refusalAfter(&this)
	case !before.Server.Opened():
		b.refused(at, s)
	default:
		b.resetOpen(at, s, before)
	}
}

// clientReset notes an RST of the client.
func (b *Bystander) clientReset(at int64, s *craft.Segment, n Notes, before *Pair) {
	if b.doubts() && s.Seq == b.more.suspect.ack {
		b.more.suspect.reset = true
	}
	if m := b.more; m != nil && m.challenges > 0 && s.Seq == m.challenge[1] && !s.Flags.Has(craft.ACK) {
		m.own = true
	}
	if n.Void() {
		return
	}
	b.known |= knowClientReset
	b.markReset(at, Client, s, before)
}

// refused notes an RST that answers the SYN.
func (b *Bystander) refused(at int64, s *craft.Segment) {
	if !b.known.has(knowClientSYN) {
		return
	}
	if !b.known.has(knowRefused) {
		b.rare().asksBefore = b.syn.count > 1
	}
	b.known |= knowRefused
	b.rare().lastRefusal, b.more.refusedSYNs = at, b.syn.count
	if b.answersQuestion(s) {
		b.known |= knowRefusedSurely
		b.more.question.answered = true
		return // when the SYN was answered it does not tell
	}
	if s.Seq == 0 {
		b.known |= knowRefusedSurely
	}
	if b.answer.count == 0 && b.answer.at == 0 {
		b.answer = greeting{at: at, ttl: s.TTL, tally: b.answer.tally}
	}
}

// refusalBefore takes in that the first SYN to be captured is the one that an RST before it in
// the file, the only packet so far, acknowledges: the order of capturing may be off.
func (b *Bystander) refusalBefore(at int64) {
	m := b.more
	if m == nil || b.syn.count != 1 || b.syn.wentOn > 0 || b.answer.count > 0 || !m.reset.notes.Has(NoteUnverifiedReset) || m.reset.flags&craft.ACK == 0 ||
		!b.pair.Client.covers(m.reset.ack) || max(at, m.reset.at)-min(at, m.reset.at) >= overtaking {
		return
	}
	m.reset.notes = 0
	b.pair.Server.learn(wasReset | sentReset)
	b.pair.Client.learn(wasReset)
	b.refused(m.reset.at, &craft.Segment{Seq: m.reset.seq, Ack: m.reset.ack, Flags: m.reset.flags, TTL: m.reset.ttl})
}

// resetOpen notes an RST to an open or half-open connection.
func (b *Bystander) resetOpen(at int64, s *craft.Segment, before *Pair) {
	if !b.known.has(knowServerReset) {
		b.known |= knowServerReset
		m := b.rare()
		m.resetAt, m.overflow = at, b.overflows(at, s)
		b.markReset(at, Server, s, before)
	}
	if b.fins[Client].acked && b.fins[Server].acked && b.fins[Client].count > 1 {
		b.known |= knowStranger
	}
}

// overflows tells an RST that answers the third segment of the handshake and
// was sent by no connection: without ACK, with the number that the third
// segment acknowledges, one round trip after that, and not after data that came
// later, which draw the same RST from a socket that is gone. Long after the
// SYN-ACK, which was not retransmitted, it is another segment that is answered.
func (b *Bystander) overflows(at int64, s *craft.Segment) bool {
	return b.ackAt > 0 && b.known.has(knowClientSYN|knowServerSYN) && !b.pair.Server.Confirmed() &&
		!s.Flags.Has(craft.ACK) && s.Seq == b.pair.Server.ISS.Add(1) && !b.known.has(knowClientReset) &&
		b.answersACK(at) && b.ackAt >= b.answer.at && b.ackAt-b.answer.at < longest
}

// answersACK tells whether something of the server comes when the answer to the
// third segment is due, rather than the one to the data after it, or in it.
func (b *Bystander) answersACK(at int64) bool {
	const slack = int64(time.Millisecond)
	trip, took := b.answer.at-b.syn.latest, at-b.ackAt
	if trip <= 0 || trip > longest || took < 0 || took > trip+trip/4+slack {
		return false
	}
	apart := int64(b.syn.pressed) * int64(time.Microsecond)
	return b.pressed == 0 || apart > 0 && (apart <= trip/4 || (took-trip)*2 <= apart)
}

// contradicted notes a genuine SYN-ACK after an RST that refused the same SYN:
// the same by its timestamp, or because it came before a SYN is retransmitted.
func (b *Bystander) contradicted(at int64, s *craft.Segment) {
	const soonest = int64(400 * time.Millisecond) // no stack repeats a refused SYN sooner
	m := b.rare()
	_, ecr, stamped := s.Options.Timestamps()
	same := b.syn.latest <= m.reset.at && at-m.reset.at < soonest
	if stamped && b.known.has(knowSYNStamped) {
		same = b.syn.latest <= m.reset.at && ecr == b.syn.last
	}
	if same && at > m.reset.at && !b.overtook(at, s) {
		b.known |= knowForged
		m.forged = m.reset
		m.contradicted = time.Duration(at - m.reset.at)
	}
}

// refusedBefore puts the RST aside that came before the first SYN-ACK: what
// comes later is about the connection.
func (b *Bystander) refusedBefore() {
	if m := b.more; m != nil && b.answer.count == 0 && m.reset.at > 0 {
		m.refusedAt, m.reset = m.reset.at, resetKept{}
	}
}

// contradictRefusal takes in that a client whose SYN was refused goes on: a
// later SYN was taken.
func (b *Bystander) contradictRefusal() {
	if b.known.has(knowRefused) && !b.mark(Server).set && b.pair.Server.facts.has(sentReset) {
		b.unreset(Server)
		b.more.refusedAt, b.more.reset = b.more.reset.at, resetKept{}
	}
}

// overtook tells whether an RST may be the server's own, which was sent after
// its SYN-ACK and captured before.
func (b *Bystander) overtook(at int64, s *craft.Segment) bool {
	k := &b.more.reset
	return k.seq != 0 && at-k.at < overtaking && k.seq.InWindow(s.Seq.Add(1), minimalRoom)
}

// refusesSYN tells an RST before the SYN-ACK that was made from the SYN: it
// acknowledges it, or has no number, or one of the client's.
func (b *Bystander) refusesSYN() bool {
	m, isn := b.more, b.pair.Client.ISS
	if b.known.has(knowRefused) {
		return true
	}
	return m != nil && m.reset.at > 0 && b.known.has(knowClientSYN) && m.reset.flags&craft.ACK == 0 &&
		(m.reset.seq == 0 || m.reset.seq == isn || m.reset.seq == isn.Add(1))
}

// refusalAfter notes an RST that refuses the SYN after a SYN-ACK has taken it. Where
// no SYN was retransmitted it is forged if the server goes on. Where one was the
// program has ended that listened, and what the server had taken is gone.
func (b *Bystander) refusalAfter(this *resetKept) {
	if !b.known.has(knowClientSYN|knowServerSYN) || this.seq != 0 || b.pair.Server.ISS == 0 || !this.flags.Has(craft.ACK) ||
		this.ack != b.pair.Client.ISS.Add(1) || this.ack != b.answer.ack {
		return
	}
	if b.syn.latest < b.answer.at {
		b.more.pending = *this
	} else if b.syn.latest < this.at {
		b.known |= knowGone
	}
}

// contradictsRefusal takes in that a server goes on after such an RST: numbers that
// jump may be those of a later connection.
func (b *Bystander) contradictsRefusal(s *craft.Segment) {
	const jump = 1 << 20
	d := s.Seq.Sub(b.pair.Server.ISS)
	if m := b.more; m != nil && m.pending.at > 0 && d >= 0 && d < jump {
		b.known |= knowForged
		m.forged, m.pending = m.pending, resetKept{}
	}
}
