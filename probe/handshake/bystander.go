package handshake

import (
	"time"

	"synscope/craft"
)

// Bystander judges one connection of a capture. A [Follower] sees every packet
// of its own connection; a bystander may have missed any of them, so it takes
// nothing that was not captured for something that was not sent: an
// acknowledgement proves that what it acknowledges existed, data proves that
// the handshake was completed, and after a gap each direction is picked up
// again where it stands.
//
// The zero Bystander has seen nothing. It holds no addresses and is small,
// since a capture has many connections at a time: what most connections never
// show is in memory of its own. Times are nanoseconds since 1970.
type Bystander struct {
	more   *rarely       // nil until something rare comes
	ways   [2]way        // by the Side that sent
	resets *[2]resetMark // nil until the first RST that counts; the pointers are near each other for the collector
	pair   Pair

	begin, last int64
	syn         asking
	answer      greeting
	fins        [2]finKept
	idents      [2]idents
	known       knowledge

	ackAt   int64 // of the client's first ACK of the SYN-ACK
	pressed uint8 // segments with numbers of their own that the client sent to the half-open server
	strays  uint8 // segments that belong to no number seen
	seenTTL ttlRange
}

// knowledge is a set of things that a capture has shown.
type knowledge uint32

const (
	knowClientSYN     knowledge = 1 << iota // the client's SYN was captured
	knowServerSYN                           // the server's was
	knowClientISN                           // the client's ISN is certain
	knowServerISN                           // the server's
	knowProven                              // what was captured proves that the connection was open
	knowRefused                             // an RST with right numbers answered the SYN
	knowRefusedSurely                       // and its own number is one that only a refusal has
	knowSYNStamped                          // SYNs carry timestamps
	knowSYNACKStamped
	knowSYNCut // of a SYN the options were cut off
	knowSYNACKCut
	knowBadOptions  // the SYN-ACK's do not parse
	knowClientReset // the client sent an RST
	knowServerReset // the server sent one that counts, to an open connection
	knowClientPlain // the client sent a segment that is neither SYN, FIN nor RST
	knowServerPlain
	knowServerSaid // the server sent data before it had received any
	knowForged     // an RST that the host cannot have sent
	knowGenuine    // an end went on after an RST in its name
	knowCrossed    // the server's SYN crossed the client's
	knowGone       // the server refused a SYN that came again: what it had taken is gone
	knowSplit      // the server's SYN answered the client's
	knowStranger   // an RST answered a FIN that was retransmitted after the end
	knowTwoClocks  // of the opening, parts were captured at two places with clocks of their own
	knowTwoPlaces  // packets were captured before and behind a router: TTLs say nothing
	knowQueueFull  // the server had data and retransmitted its SYN-ACK
	knowRecorded   // all that the client has sent was written down
)

func (k knowledge) has(l knowledge) bool { return k&l == l }

// Kept says how much of a segment a capture kept. The zero value is nothing of
// its payload, and all of its options.
type Kept struct {
	Payload    int  // bytes, of the beginning
	OptionsCut bool // the end of the options is missing
	// Elsewhere says that the segment was captured at another place than most
	// of its connection, whose clock may be another: its time says nothing.
	Elsewhere bool
	// Recorded says that the program has written the segment down that sent, or was
	// sent, all of its connection: of what the client has sent nothing is missing.
	Recorded bool
}

// SeenTwice notes that packets were captured at two places, where their TTLs differ.
func (b *Bystander) SeenTwice() { b.known |= knowTwoPlaces }

// since is the time since the connection's first packet, in milliseconds.
func (b *Bystander) since(at int64) uint32 {
	return uint32(max(0, at-b.begin) / int64(time.Millisecond))
}

// far is the distance in numbers beyond which a segment is not taken for the
// continuation of what was captured, and late the same for one that comes
// after newer ones.
const (
	far  = 1 << 28
	late = 1 << 24
)

// Segment takes in the next segment that was captured.
func (b *Bystander) Segment(at int64, from Side, s *craft.Segment, kept Kept) Notes {
	if b.begin == 0 {
		b.begin, b.last = at, at
		b.known |= knowRecorded
	}
	if !kept.Recorded {
		b.known &^= knowRecorded
	}
	before := b.pair
	if b.syn.wentOn == 0 && s.Flags&(craft.SYN|craft.RST) == 0 {
		b.syn.wentOn = b.since(at) + 1
	}
	if !s.Flags.Has(craft.RST) { // an RST may be anybody's
		b.idents[from].add(s)
	}
	n := b.observe(at, from, s)
	b.evidence(at, from, s, n, kept, &before)
	b.advance(at)
	return n
}

// advance takes in the stamp of a segment. One far before the latest takes that
// back: somebody set the clock, or the latest was damaged.
func (b *Bystander) advance(at int64) {
	if at > b.last || at >= b.begin && b.last-at > int64(time.Second) {
		b.last = at
	}
}

// observe is [Pair.Observe] for one who may have missed segments.
func (b *Bystander) observe(at int64, from Side, s *craft.Segment) (n Notes) {
	me, you := b.pair.end(from), b.pair.end(from.Other())
	if me.facts.has(sentReset) {
		n = NoteAfterReset
	}
	switch {
	case s.Flags.Has(craft.RST):
		return b.reset(at, from, me, you, s)
	case s.Flags.Has(craft.SYN):
		return n | b.opening(at, from, me, you, s)
	case !s.Flags.Has(craft.ACK):
		return n | NoteNoAck
	case b.questions(from, me, you, s):
		return n | NoteAside
	case b.challenges(from, me, you, s):
		return n | NoteChallenge
	case b.suspects(from, me, you, s):
		return n | NoteDoubtful
	case !b.belongs(from, me, you, s):
		return n | NoteOutside
	}
	b.decide(at, from, s)
	n |= b.catchUp(at, from, me, you, s) | converse(from, me, you, s)
	if s.Len() > 0 {
		b.ways[from].reach(s.Seq.Add(s.Len()))
	}
	return n
}

// challenges tells an ACK that answers a SYN with numbers of another
// connection (RFC 5961 §4), and not with those of a SYN-ACK that was missed.
func (b *Bystander) challenges(from Side, me, you *End, s *craft.Segment) bool {
	return from == Server && !me.Opened() && b.known.has(knowClientSYN) && s.Len() == 0 &&
		(b.known.has(knowRecorded) || !plausible(s.Ack.Sub(you.ISS.Add(1)), 0))
}

// opening takes in a SYN or SYN-ACK: the first one, a retransmitted one, or
// one that was captured after segments that it came before.
func (b *Bystander) opening(at int64, from Side, me, you *End, s *craft.Segment) (n Notes) {
	ack := s.Flags.Has(craft.ACK)
	laden := s.Len() > 1 && !b.known.has(knowSYN(from)) && s.Seq.Add(s.Len()) == me.ISS.Add(1) // with data that the SYN-ACK acknowledged
	known := b.known.has(knowISN(from)) && !laden
	switch {
	case me.Opened() && known && s.Seq != me.ISS,
		me.Opened() && !known && !justBefore(me, s):
		return NoteOtherSYN
	case ack && !b.acknowledges(from.Other(), you, s.Ack):
		return NoteBadAck
	case !me.Opened():
		me.open(s)
	case !b.known.has(knowSYN(from)):
		b.ways[from].miss(b.since(at), s.Seq.Add(s.Len()), me.ISS.Add(1), me.Una)
		me.ISS = s.Seq
		me.offer(s)
	case !ack || me.facts.has(answered):
		n = retransmittedSYN(me)
	}
	b.known |= knowISN(from) | knowSYN(from)
	if ack && !you.Opened() {
		b.assume(from.Other(), you, s.Ack)
	}
	if ack && s.Ack == you.ISS.Add(1) {
		b.known |= knowISN(from.Other())
	}
	if ack && you.Nxt.LessThan(s.Ack) {
		you.Nxt = s.Ack
	}
	b.ways[from].reach(s.Seq.Add(s.Len()))
	n |= greet(me, you, s)
	if ack && from == Server {
		b.greeted(at)
	}
	return n
}

// acknowledges tells whether a SYN-ACK's acknowledgement is right: of a SYN that
// was captured, exactly what it and what followed it have used.
func (b *Bystander) acknowledges(side Side, e *End, ack craft.Seq) bool {
	switch {
	case !e.Opened() || !b.known.has(knowISN(side)):
		return true
	case b.known.has(knowSYN(side)):
		return e.covers(ack)
	}
	if b.known.has(knowSYN(side.Other())) && b.answer.flags.Has(craft.ACK) && side == Client {
		return ack == b.answer.ack
	}
	data := ack.Sub(e.ISS.Add(1)) // on the SYN
	return data >= 0 && data <= longPayload
}

func knowISN(s Side) knowledge { return knowClientISN << s }
func knowSYN(s Side) knowledge { return knowClientSYN << s }

// assume opens an end whose SYN was not captured: next is the number that it
// uses next.
func (b *Bystander) assume(side Side, e *End, next craft.Seq) {
	e.ISS, e.Una, e.Nxt = next.Add(^uint32(0)), next, next
	e.learn(synSent | synAcked | synReceived)
	b.ways[side].reach(next)
}

// catchUp makes true what a segment of me proves: that both ends sent their
// SYNs and received the other's, and all numbers up to those it names.
func (b *Bystander) catchUp(at int64, from Side, me, you *End, s *craft.Segment) (n Notes) {
	if !me.Opened() {
		b.assume(from, me, s.Seq)
	}
	if !you.Opened() {
		b.assume(from.Other(), you, s.Ack)
		if from == Client && s.Seq == me.ISS.Add(1) && b.known.has(knowClientISN) && s.Len() == 0 {
			b.known |= knowServerISN // the third segment names it
		}
	}
	me.learn(synReceived)
	you.learn(synReceived)
	if me.Nxt.LessThan(s.Seq) {
		n |= NoteGap
		b.ways[from].miss(b.since(at), me.Nxt, s.Seq, me.Una)
		me.Nxt = s.Seq
	}
	if you.Nxt.LessThan(s.Ack) {
		if !b.probed(from.Other(), you, s.Ack) {
			n |= NoteUncaptured
			b.ways[from.Other()].miss(b.since(at), you.Nxt, s.Ack, you.Una)
		}
		you.Nxt = s.Ack
	}
	b.ways[from].fill(s, me.Una)
	if me.Nxt.Sub(s.Seq) > late || you.Nxt.Sub(s.Ack) > late { // the other number is right: more than a gibibyte was missed
		b.resume(from, me, you, s)
	}
	return n
}

// probed tells whether the one number more that is acknowledged of an end may be of
// a keep-alive, which is sent one number back (RFC 9293 §3.8.4): of a connection met
// under way nothing else was captured of that end.
func (b *Bystander) probed(side Side, e *End, ack craft.Seq) bool {
	return ack == e.Nxt.Add(1) && !b.known.has(knowISN(side)) && b.ways[side].carried == 0
}

// resume picks up both directions at a segment whose one number is beyond
// comparison with what was seen before.
func (b *Bystander) resume(from Side, me, you *End, s *craft.Segment) {
	if me.Nxt.Sub(s.Seq) > late {
		me.Una, me.Nxt = s.Seq, s.Seq
		b.ways[from].lose()
	}
	if you.Nxt.Sub(s.Ack) > late {
		you.Una, you.Nxt = s.Ack, s.Ack
		b.ways[from.Other()].lose()
	}
}

// Over tells whether nothing but repetitions is to be expected.
func (b *Bystander) Over() bool {
	return ended(b.pair.Client.State()) && ended(b.pair.Server.State()) || b.fins[Client].acked && b.fins[Server].acked
}

// mostOvertaken is how long after other segments a SYN may be captured that came
// before them.
const mostOvertaken = int64(200 * time.Millisecond)

// States are those of the two ends so far.
func (b *Bystander) States() (client, server State) {
	return b.pair.Client.State(), b.pair.Server.State()
}

// Relative gives the numbers of a segment relative to the ISNs of the two ends, or to the first
// number that was captured of each.
func (b *Bystander) Relative(from Side, s *craft.Segment) (seq, ack uint32) {
	f := Follower{Pair: b.pair}
	return f.relativeSeq(from, s), f.relativeAck(from, s)
}
