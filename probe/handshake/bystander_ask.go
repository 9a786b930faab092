package handshake

import (
	"time"

	"synscope/craft"
)

// Turn swaps client and server: which is which was a guess for a connection that was already under
// way when the capture began.
func (b *Bystander) Turn() {
	b.pair.Client, b.pair.Server = b.pair.Server, b.pair.Client
	b.ways[0], b.ways[1] = b.ways[1], b.ways[0]
	b.fins[0], b.fins[1] = b.fins[1], b.fins[0]
	plain := b.known & (knowClientPlain | knowServerPlain)
	b.known &^= knowClientPlain | knowServerPlain | knowServerSaid | knowClientISN | knowServerISN
	if plain&knowClientPlain != 0 {
		b.known |= knowServerPlain
	}
	if plain&knowServerPlain != 0 {
		b.known |= knowClientPlain
	}
	b.more, b.ackAt, b.seenTTL = nil, 0, ttlRange{}
}

// Knows tells whether a segment whose stamp is older than the latest one brings nothing that was
// not captured already.
func (b *Bystander) Knows(from Side, at int64, s *craft.Segment) bool {
	if at < b.begin || b.News(from, s) || from == Client && s.Flags.Has(craft.SYN) && !b.askedAt(at) {
		return false
	}
	return s.Len() > 0 || s.Flags.Has(craft.RST) || at < b.last-settling
}

// askedAt tells whether a SYN of the client was captured at a time: the same packet
// has the same stamp, or nearly so.
func (b *Bystander) askedAt(at int64) bool {
	const nearly = int64(3 * time.Millisecond)
	since := func(t int64) int64 { return max(at, t) - min(at, t) }
	return min(since(b.syn.at), since(b.syn.latest)) < nearly
}

// News tells whether a segment has anything that was not captured already:
// numbers of its own, or an acknowledgement.
func (b *Bystander) News(from Side, s *craft.Segment) bool {
	me, you := b.pair.end(from), b.pair.end(from.Other())
	switch {
	case !me.Opened() || s.Flags.Has(craft.SYN) && !b.known.has(knowSYN(from)):
		return true
	case s.Flags.Has(craft.SYN) && from == Client && b.known.has(knowSYNStamped) && b.SameSYN(from, s) == NotSeen:
		return true
	case s.Flags.Has(craft.RST):
		return !me.facts.has(sentReset)
	}
	return me.ISS.LessThan(s.Seq.Add(1)) && b.ways[from].seen.LessThan(s.Seq.Add(s.Len())) ||
		b.Lacks(from, s) || b.ways[from].lacks(s.Seq) ||
		s.Flags.Has(craft.ACK) && you.Una.LessThan(s.Ack) ||
		s.Flags.Has(craft.FIN) && (b.fins[from].count == 0 || s.Ack.LessThan(b.fins[from].ack))
}

// Numbers are the first and the next sequence number of both ends, as far as
// captured.
func (b *Bystander) Numbers() (client, clientNext, server, serverNext craft.Seq) {
	c, s := &b.pair.Client, &b.pair.Server
	return c.ISS, c.Nxt, s.ISS, s.Nxt
}

// Sighting is whether a SYN was captured before. The zero value is NotSeen.
type Sighting uint8

// The sightings.
const (
	NotSeen Sighting = iota // nothing says so
	Seen                    // it was
	Missed                  // it was not, and what came after it was
)

// SameSYN compares a SYN or SYN-ACK with those captured, by number and timestamp.
func (b *Bystander) SameSYN(from Side, s *craft.Segment) Sighting {
	val, _, _ := s.Options.Timestamps()
	switch me := b.pair.end(from); {
	case !me.Opened() || s.Seq != me.ISS:
	case !b.known.has(knowSYN(from)):
		return Missed
	case from == Client && (val == b.syn.val || val == b.syn.last):
		return Seen
	case from == Server && val == b.answer.val && s.Flags == b.answer.flags:
		return Seen
	}
	return NotSeen
}

// Lacks tells whether a segment was missing so far: its numbers lie in a hole of what was captured,
// or before or behind all of it, or it is the first SYN of its end.
func (b *Bystander) Lacks(from Side, s *craft.Segment) bool {
	if s.Flags.Has(craft.SYN) {
		return !b.known.has(knowSYN(from))
	}
	w, me := &b.ways[from], b.pair.end(from)
	if me.Opened() && !b.known.has(knowISN(from)) && s.Seq.LessThan(me.ISS.Add(1)) {
		return true
	}
	return s.Len() > 0 && (w.overlaps(s.Seq, s.Seq.Add(s.Len())) || !w.begun || !s.Seq.LessThan(w.seen))
}

// Precedes tells whether a segment lies before everything that was captured of an end whose SYN was
// not captured, so that it cannot be known whether its numbers were sent before.
func (b *Bystander) Precedes(from Side, s *craft.Segment) bool {
	me := b.pair.end(from)
	return me.Opened() && !b.known.has(knowISN(from)) && s.Seq.Add(s.Len()).LessThanEq(me.ISS.Add(1))
}

// Living tells whether the connection was open, and nothing says that it is over.
func (b *Bystander) Living() bool {
	c, s := &b.pair.Client, &b.pair.Server
	return (c.Confirmed() || s.Confirmed()) && c.Opened() && s.Opened() && !b.Over()
}

// Rivals tells whether a segment contradicts the connection: a SYN of the client with another
// number; a SYN-ACK with another number to another SYN (from the client too, since the two may have
// changed roles); a segment neither of whose numbers has anything to do with what was captured; or
// one with numbers behind the FIN.
func (b *Bystander) Rivals(at int64, from Side, s *craft.Segment) bool {
	me, you := b.pair.end(from), b.pair.end(from.Other())
	switch {
	case !s.Flags.Has(craft.SYN):
		return s.Flags.Has(craft.ACK) && (odd(me, you, s) || afterFIN(me, s.Seq.Add(s.Len())) || afterFIN(you, s.Ack))
	case !s.Flags.Has(craft.ACK):
		return from == Client && b.Renewed(at, from, s)
	case from == Client:
		return b.Greeted() && s.Seq != me.ISS && !b.acknowledges(Server, you, s.Ack)
	case !b.known.has(knowServerISN | knowClientISN):
		return false
	}
	return (me.Confirmed() || b.Greeted()) && s.Seq != me.ISS && !b.acknowledges(Client, you, s.Ack)
}

// Greeted tells whether the client's SYN was captured together with the SYN-ACK that acknowledges
// it. One that acknowledges another number belongs to another connection, or to a stranger.
func (b *Bystander) Greeted() bool {
	return b.known.has(knowClientSYN|knowServerSYN) && b.answer.flags.Has(craft.ACK)
}

// Disregard takes in only the number that a stranger's SYN-ACK acknowledges. A client that is still
// connecting answers the stranger by an RST at just that number (RFC 9293 §3.10.7.3), and that RST
// is not about this connection.
func (b *Bystander) Disregard(from Side, s *craft.Segment) {
	if from == Server && !b.pair.Client.Confirmed() {
		b.rare().refusable.add(s.Ack)
	}
}

// odd tells whether one number of a segment is far from what was captured while the other does not
// continue it either.
func odd(me, you *End, s *craft.Segment) bool {
	const window = 1 << 20
	seq, ack := s.Seq.Sub(me.Nxt), s.Ack.Sub(you.Nxt)
	return !plausible(seq, window) && ack != 0 || !plausible(ack, window) && seq != 0
}

// AsksBack tells whether a segment is a server's SYN that shows what became of the client's SYN
// while nothing else of the server was captured: it answers the client's (RFC 9293 §3.5, figure 7),
// or the attempt has failed and the two ends change roles.
func (b *Bystander) AsksBack(from Side, s *craft.Segment) bool {
	return from == Server && s.Flags&(craft.SYN|craft.ACK|craft.RST) == craft.SYN && b.known.has(knowClientSYN) &&
		!b.pair.Server.Opened() && !b.known.has(knowRefused)
}

// asked tells whether an end that sends a SYN-ACK with another number than its SYN had was asked
// for a connection by a SYN that was not captured: nothing of the other end was.
func (b *Bystander) asked(from Side, me, you *End) bool {
	return from == Client && b.known.has(knowClientSYN) && !you.Opened() && !me.Confirmed()
}

// Fits tells whether the numbers of a segment are near to those that were captured: all that can be
// compared, and at least one can. sure says that this is not by chance.
func (b *Bystander) Fits(from Side, s *craft.Segment) (fits, sure bool) {
	me, you := b.pair.end(from), b.pair.end(from.Other())
	if s.Flags&(craft.SYN|craft.ACK) == craft.SYN {
		same := me.Opened() && s.Seq == me.ISS
		return same || me.Opened() && !b.known.has(knowSYN(from)) && justBefore(me, s), same
	}
	const window = 1 << 22
	close := func(d int32) bool { return d >= -window && d <= window }
	seq, ack := s.Seq.Sub(me.Nxt), s.Ack.Sub(you.Nxt)
	mine, yours := me.Opened(), you.Opened() && s.Flags.Has(craft.ACK)
	if mine && !close(seq) || yours && !close(ack) {
		return false, false
	}
	return mine || yours, mine && yours || mine && seq == 0 || yours && ack == 0
}

// Ahead is how far a number is from the one that an end was to use next, as far
// as captured.
func (b *Bystander) Ahead(of Side, n craft.Seq) int32 { return n.Sub(b.pair.end(of).Nxt) }

// SYNACK is what a SYN-ACK said and which SYN it answered.
type SYNACK struct {
	ClientISN, ServerISN craft.Seq
	Asked, Heard         int64 // in nanoseconds since 1970; Asked is 0 where it is not certain
	MSS                  uint16
	Shift                uint8
	Scaled, SACK         bool
	Stamped              bool
	TSval                uint32
	Window               uint16
	TTL                  uint8
}

// SYNACK returns the SYN-ACK, where it was captured and its SYN too.
func (b *Bystander) SYNACK() (SYNACK, bool) {
	s := &b.pair.Server
	if !b.known.has(knowClientSYN|knowServerSYN) || !b.answer.flags.Has(craft.ACK) {
		return SYNACK{}, false
	}
	return SYNACK{
		ClientISN: b.pair.Client.ISS, ServerISN: s.ISS, Asked: b.answered(allSegments), Heard: b.answer.at,
		MSS: s.MSS, Shift: s.Shift, Scaled: s.Scaled, SACK: s.SACK, Stamped: s.Stamped, TSval: b.answer.val,
		Window: b.answer.window, TTL: b.answer.ttl,
	}, true
}

// Begin is the first stamp, in nanoseconds since 1970.
func (b *Bystander) Begin() int64 { return b.begin }

// Last is the latest stamp, in nanoseconds since 1970.
func (b *Bystander) Last() int64 { return b.last }
