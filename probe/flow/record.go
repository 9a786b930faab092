package flow

import (
	"time"

	"synscope/craft"
	"synscope/probe/handshake"
)

// flow is a connection that is being followed.
type flow struct {
	more  *unusual            // nil until something is
	watch handshake.Bystander // beside more, since it begins with pointers: the garbage collector reads no further

	key                 key
	hash                uint32 // of key
	network             uint32 // as in Packet, of its first packet
	links               links
	round               uint32 // of Table.Settle, when it was last heard of
	number              uint64
	first, lastPacket   uint64
	packets, duplicates uint32
	heard               ticks  // of the table's clock
	seen                uint32 // hash of the latest packet
	sides               [2]side
	weighed             uint32 // what hangs on it, in bytes
	firstFile, lastFile uint16
	opening             opening
	reset               uint8 // bits by Side: it has sent an RST
	over                bool
	fromSecond          bool // the client is the second endpoint of the key
	midstream           bool // it had begun before the capture
	self                bool // both endpoints are one: a socket that is connected to itself
	reported            reported
}

// reported says what the table has handed out of a connection.
type reported uint8

const (
	unreported reported = iota
	accounted           // what it misses has been counted
	told                // and its attempt has been handed out
)

// unusual is what most connections never have.
type unusual struct {
	repeats [2][WindowProbe]uint32 // by Repeat less one
	rival   *rival                 // nil none
	copies  *copies                // nil none
}

func (f *flow) rare() *unusual {
	if f.more == nil {
		f.more = new(unusual)
	}
	return f.more
}

func (f *flow) rival() *rival {
	if f.more == nil {
		return nil
	}
	return f.more.rival
}

func (f *flow) copies() *copies {
	if f.more == nil {
		return nil
	}
	return f.more.copies
}

// side is who sent a segment; second says that its source is the key's second
// endpoint. Of a socket that is connected to itself the SYN-ACK is counted as the
// server's, and everything else as the client's.
func (f *flow) side(second bool, s *craft.Segment) handshake.Side {
	const answer = craft.SYN | craft.ACK
	if f.self && s.Flags&answer == answer || !f.self && second != f.fromSecond {
		return handshake.Server
	}
	return handshake.Client
}

// observe gives a segment to the Bystander. Where a socket is connected to itself, both
// ends send each segment but the two SYNs (RFC 9293 §3.5, figure 7).
func (f *flow) observe(at int64, from handshake.Side, s *craft.Segment, kept handshake.Kept) handshake.Notes {
	if kept.Elsewhere {
		s = f.asFirst(from, s)
	}
	notes := f.watch.Segment(at, from, s, kept)
	if f.self && !s.Flags.Has(craft.SYN) {
		f.watch.Segment(at, from.Other(), s, kept)
	}
	return notes
}

// take makes a connection of a SYN.
func (f *flow) take(l *lone, room *[craft.MaxOptions]byte) {
	f.key, f.hash, f.network, f.number, f.self = l.key, l.hash, l.network, l.number, l.key.self()
	f.first, f.lastPacket, f.firstFile, f.lastFile = l.packet, l.packet, l.file, l.file
	f.packets, f.seen = 1, l.seen
	f.fromSecond = l.offers&fromSecond != 0
	s := l.segment(room)
	f.watch.Segment(l.at, handshake.Client, &s, handshake.Kept{Recorded: l.offers&recorded != 0})
	f.sides[handshake.Client].ttl = s.TTL
	f.sides[handshake.Client].classify(&s, l.at, &f.sides[handshake.Server], 0, false)
	f.opening.note(&Packet{Direction: l.direction}, &s, handshake.Client)
}

// repeated reports whether a packet was captured before: it is stamped earlier than the
// latest of the connection and has nothing new, or it is the latest itself. A packet
// with an IP identification that comes after the latest was retransmitted.
func (f *flow) repeated(at int64, swapped bool, s *craft.Segment, seen uint32) bool {
	last := f.watch.Last()
	if seen == f.seen && (at == last || s.Len() > 0 && at-last < noIdentity) {
		return true
	}
	from := f.side(swapped, s)
	return at <= last && !f.watch.Counts(from, s.ID) && f.watch.Knows(from, at, s)
}

// asked reports whether the receiver of a segment has asked for it since it was first
// captured: its latest acknowledgement is the segment's number, and was repeated, or
// has SACK blocks of later numbers.
func (f *flow) asked(swapped bool, s *craft.Segment, first int64) bool {
	other := &f.sides[f.side(swapped, s).Other()]
	return other.acked && other.ackAt >= first && other.ack == s.Seq && (other.same > 1 || other.holed)
}

// renewed reports whether a segment begins another connection. Where client and server
// were guessed it may show that they are the other way round.
func (f *flow) renewed(at int64, swapped bool, s *craft.Segment) bool {
	from := f.side(swapped, s)
	if f.midstream && !f.self && s.Flags.Has(craft.SYN) && (from == handshake.Server) == asClient(s) {
		f.fromSecond = !f.fromSecond
		f.watch.Turn()
		f.sides[0], f.sides[1] = f.sides[1], f.sides[0]
		if m := f.more; m != nil {
			m.repeats[0], m.repeats[1] = m.repeats[1], m.repeats[0]
		}
		from = from.Other()
	}
	if f.watch.Renewed(at, from, s) {
		return !s.Flags.Has(craft.ACK) || s.Flags.Has(craft.RST) || !f.opening.elsewhere(from, s.TTL)
	}
	if s.Flags.Has(craft.SYN) {
		f.midstream = false
	}
	return false
}

func (f *flow) count(from handshake.Side, r Repeat) {
	if r != Fresh {
		f.rare().repeats[from][r-1]++
	}
}

// trip is the connection's first round trip, as Wireshark's iRTT; 0 unknown.
func (f *flow) trip() int64 {
	syn, answer, ack := f.watch.Openings()
	if syn == 0 || answer == 0 || ack < syn {
		return 0
	}
	return ack - syn
}

// attempt writes what the record says.
func (f *flow) attempt(a *Attempt, why Ending, t handshake.Trust) {
	client, server := f.key.endpoints()
	if f.fromSecond {
		client, server = server, client
	}
	*a = Attempt{
		Number: f.number, First: f.first, Last: f.lastPacket, FirstFile: int(f.firstFile), LastFile: int(f.lastFile),
		Packets: uint64(f.packets), Duplicates: uint64(f.duplicates), Ending: why,
		Missing: f.watch.Missing(),
	}
	f.watch.Judge(&a.Result, client, server, t)
	a.Gaps, a.GapBytes, _ = f.watch.Gaps()
	a.View = f.opening.view(f.watch.Openings())
	if a.Attempts == 1 && (a.RTT > 0 && a.Result.ServerRTT > 0 || f.trip() < int64(time.Second)) {
		a.SYNToACK = time.Duration(f.trip())
	}
	if f.more != nil {
		for from := range f.more.repeats {
			for r, n := range f.more.repeats[from] {
				a.Repeats[from][r+1] = int(n)
			}
		}
	}
	f.numbers(a)
}

// numbers writes the ISNs of both ends, where both SYNs were captured.
func (f *flow) numbers(a *Attempt) {
	s, ok := f.watch.SYNACK()
	if !ok {
		return
	}
	a.ClientISN, a.ServerISN, a.Answered = s.ClientISN, s.ServerISN, true
	a.Asked, a.Heard = time.Unix(0, s.Asked), time.Unix(0, s.Heard)
	a.SYNACKOptions = SYNACKOptions{
		MSS: s.MSS, Shift: s.Shift, Scaled: s.Scaled, SACK: s.SACK, Stamped: s.Stamped, TSval: s.TSval,
		Window: s.Window, TTL: s.TTL,
	}
}
