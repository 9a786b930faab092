package flow

import (
	"time"

	"synscope/craft"
	"synscope/probe/handshake"
)

// rival is a SYN with another number, a SYN-ACK to such a SYN, or a segment with
// unrelated numbers, on the ports of a connection that seems to be open. Either the end
// of that connection was not captured, or the client has forgotten it, and a new one
// begins; or the segment is forged or late, and the connection goes on (RFC 5961 §4).
// The next segments show which.
type rival struct {
	packets []heldPacket // that segment, and bare ACKs of the server that may answer
	isn     craft.Seq    // of the client
	end     craft.Seq    // after the numbers of its SYN
	swapped bool         // the client is the second endpoint of the key
	synack  bool         // it is a SYN-ACK
	back    bool         // the client is the server of the connection before, and has sent nothing in that

	answer   craft.Seq // the latest acknowledgement of the server since
	answerAt int64     // 0 none
}

// heldPacket is a packet that waits until it is known to which connection it belongs.
type heldPacket struct {
	Packet  // with bytes of its own
	seen    uint32
	swapped bool
}

// mostHeld is how many packets are held of a connection.
const mostHeld = 8

// verdict is what a segment says of a rival. The zero verdict is undecided.
type verdict uint8

const (
	undecided verdict = iota
	begins            // it begins another connection
	passes            // the connection goes on
	parts             // the connection goes on, and the rival is no part of it
)

// apartAtMost is how far the numbers of a segment may be from those captured to
// continue them: a large window.
const apartAtMost = 1 << 20

// slack is how much longer than the first round trip an answer may take.
const slack = int64(20 * time.Millisecond)

// contest judges by the next segment.
func (v *rival) contest(f *flow, at int64, swapped bool, s *craft.Segment) verdict {
	if v.back {
		return v.contestBack(f, swapped, s)
	}
	const kind = craft.SYN | craft.ACK | craft.RST
	client := swapped == v.swapped
	asker := handshake.Client // what the rival's client is in the connection before
	if v.swapped != f.fromSecond {
		asker = handshake.Server
	}
	number, old := s.Ack, f.watch.Ahead(asker, s.Ack)
	if client {
		number, old = s.Seq, f.watch.Ahead(asker, s.Seq)
	}
	switch s.Flags & kind {
	case craft.SYN:
		if client && s.Seq == v.isn {
			return begins
		}
		return undecided
	case craft.SYN | craft.ACK, craft.RST | craft.ACK:
		if !client && s.Ack == v.end {
			return begins
		}
	case craft.RST:
		switch {
		case v.synack && client && s.Seq == v.end:
			return passes // the client resets what it did not ask for
		case v.synack:
			return goesOn(client, old)
		}
		if client && v.answerAt > 0 && s.Seq == v.answer && at-v.answerAt <= f.trip()+slack {
			return begins // the client resets the connection for which the server answers
		}
		if client && s.Seq != v.end && at-stampOf(v.packets[0].Time) <= f.trip()+slack {
			return begins // the same, and the server's answer was not captured
		}
	}
	ours := int64(number.Sub(v.end))
	if s.Flags&kind == craft.ACK && ours >= 0 && ours < apartAtMost && ours < abs(int64(old)) {
		return begins
	}
	return goesOn(client, old)
}

// goesOn judges by the distance of a number from those of the connection before.
func goesOn(client bool, old int32) verdict {
	if client && abs(int64(old)) < apartAtMost {
		return passes
	}
	return undecided
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// hold keeps a segment that may belong to another connection, where the one
// before is open; it tells whether it did.
func (t *Table) hold(at int64, p *Packet, s *craft.Segment, r ref, swapped bool, seen uint32) bool {
	f := t.flow(r)
	from := f.side(swapped, s)
	back := f.watch.AsksBack(from, s)
	if f.self || s.Flags.Has(craft.RST) || !back && (!f.mayHaveRival(s) || !f.watch.Rivals(at, from, s)) {
		return false
	}
	if s.Flags.Has(craft.ACK) && f.opening.elsewhere(from, s.TTL) {
		if !s.Flags.Has(craft.SYN) || !f.watch.Greeted() {
			return false
		}
		t.disregard(r, p, s, swapped)
		return true
	}
	if f.rival() != nil {
		t.pass(r)
	}
	switch {
	case back:
		f.rare().rival = &rival{isn: s.Seq, end: s.Seq.Add(s.Len()), swapped: swapped, back: true}
	case from == handshake.Server, s.Flags.Has(craft.SYN | craft.ACK):
		f.rare().rival = &rival{isn: s.Ack.Add(^uint32(0)), end: s.Ack, swapped: !swapped, synack: s.Flags.Has(craft.SYN)}
	case s.Flags.Has(craft.SYN):
		f.rare().rival = &rival{isn: s.Seq, end: s.Seq.Add(s.Len()), swapped: swapped}
	default:
		f.rare().rival = &rival{isn: s.Seq.Add(^uint32(0)), end: s.Seq, swapped: swapped}
	}
	f.rival().keep(p, seen, swapped)
	t.weigh(f)
	return true
}

// mayHaveRival reports whether a segment may belong to a later connection: this one is
// open, or it has its SYN-ACK and the segment is another.
func (f *flow) mayHaveRival(s *craft.Segment) bool {
	const answer = craft.SYN | craft.ACK
	return f.watch.Living() || s.Flags&answer == answer && f.watch.Greeted()
}

func (v *rival) keep(p *Packet, seen uint32, swapped bool) {
	kept := *p
	kept.Data, kept.NetworkName = append([]byte(nil), p.Data...), nil
	v.packets = append(v.packets, heldPacket{kept, seen, swapped})
}

// settleRival judges the rival of a connection by the next segment, and returns
// the connection that the segment belongs to; held says that this is not known.
func (t *Table) settleRival(p *Packet, k *key, r ref, hash uint32, swapped bool, s *craft.Segment, seen uint32) (now ref, held bool) {
	v := t.flow(r).rival()
	switch v.contest(t.flow(r), stampOf(p.Time), swapped, s) {
	case begins:
		if f := t.flow(r); s.Flags.Has(craft.RST) && swapped == v.swapped && v.swapped == f.fromSecond {
			f.watch.Segment(stampOf(p.Time), handshake.Client, s, handshake.Kept{}) // it is about the old one, and ends that
		}
		return t.succeed(r, k, hash), false
	case passes:
		t.pass(r)
		return r, false
	case parts:
		t.flow(r).more.rival = nil
		t.release(v, Reused)
		return r, false
	}
	if v.back {
		return t.await(p, r, swapped, s, seen)
	}
	if v.synack || swapped == v.swapped || s.Flags&(craft.SYN|craft.RST) != 0 {
		return r, false
	}
	v.answer, v.answerAt = s.Ack, stampOf(p.Time)
	if s.Len() > 0 || len(v.packets) == mostHeld {
		return r, false
	}
	v.keep(p, seen, swapped)
	t.weigh(t.flow(r))
	return r, true
}

// succeed ends a connection, and begins that of its rival.
func (t *Table) succeed(r ref, k *key, hash uint32) ref {
	v := t.flow(r).rival()
	t.flow(r).more.rival = nil
	old := t.flow(r).inherited()
	t.finish(r, Reused)
	now := t.beginRival(v, k, hash)
	if now != noRef && !now.isLone() && old != nil {
		t.flow(now).rare().copies = old
	}
	return now
}

// beginRival makes a connection of what was held.
func (t *Table) beginRival(v *rival, k *key, hash uint32) ref {
	first := &v.packets[0]
	if t.held.decode(&first.Packet) != nil {
		return noRef // it could be decoded before
	}
	s := &t.held.packet.Segment
	t.crowd()
	t.number++
	var r ref
	if l, ok := loneOf(s, t.held.kept); ok {
		r = t.begin(stampOf(first.Time), &first.Packet, s, k, first.swapped, hash, first.seen, &l)
	} else {
		r = t.open(&first.Packet, s, k, first.swapped, hash)
		t.replay(r, first)
	}
	for i := range v.packets[1:] {
		if r.isLone() {
			r = t.promote(r)
		}
		t.replay(r, &v.packets[1+i])
	}
	return r
}

// replay gives a packet that was held to a connection.
func (t *Table) replay(r ref, p *heldPacket) {
	if t.held.decode(&p.Packet) == nil {
		t.follow(stampOf(p.Time), &p.Packet, &t.held.packet.Segment, t.held.kept, r, p.swapped, p.seen)
	}
}

// pass gives the held packets to the connection that goes on.
func (t *Table) pass(r ref) {
	v := t.flow(r).rival()
	t.flow(r).more.rival = nil
	held := v.packets
	if v.synack {
		if t.held.decode(&held[0].Packet) == nil {
			t.disregard(r, &held[0].Packet, &t.held.packet.Segment, held[0].swapped)
		}
		held = held[1:]
	}
	for i := range held {
		t.replay(r, &held[i])
	}
}

// disregard counts a SYN-ACK that the server did not send: it decides nothing.
func (t *Table) disregard(r ref, p *Packet, s *craft.Segment, swapped bool) {
	f := t.flow(r)
	from := f.side(swapped, s)
	f.packets++
	f.watch.Disregard(from, s)
	t.counts.Rejected["foreign-syn-ack"]++
	if t.cfg.Segments {
		line := handshake.Line{Time: p.Time, From: from, Segment: s, Notes: handshake.NoteOtherSYN}
		line.Client, line.Server = f.watch.States()
		line.Seq, line.Ack = f.watch.Relative(from, s)
		t.tell(&Segment{Line: line, Attempt: f.number, Packet: p.Number, File: p.File})
	}
}

// passStranger disregards a held SYN-ACK without a later packet, where the server
// had answered the client's own SYN.
func (t *Table) passStranger(r ref) {
	f := t.flow(r)
	if v := f.rival(); v != nil && v.synack && f.watch.Greeted() {
		t.pass(r)
	}
}

// release hands the held packets out as an attempt of their own: it stayed undecided
// to which connection they belong.
func (t *Table) release(v *rival, why Ending) {
	if v == nil || t.held.decode(&v.packets[0].Packet) != nil {
		return
	}
	k, _ := keyOf(t.held.packet.Segment.Src, t.held.packet.Segment.Dst)
	hash := t.hash(&k)
	t.finish(t.beginRival(v, &k, hash), why)
}
