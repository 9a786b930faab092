package flow

import (
	"synscope/craft"
	"synscope/probe/handshake"
)

// rival is a SYN with another number on the ports of a connection that is open,
// as far as was captured. Either the end of that connection was not captured, or
// the client does not know of it any more, and the SYN begins another one; or
// somebody else has sent it, and the connection goes on (RFC 5961 §4). What
// comes next tells.
type rival struct {
	packet  Packet // with bytes of its own
	isn     craft.Seq
	end     craft.Seq // after its numbers
	at      int64
	seen    uint32
	swapped bool

	answered bool          // the server has sent something of the old connection since
	answer   craft.Segment // numbers, flags and window of the latest of that
	answerAt int64
}

// verdict is what a segment says of a rival. The zero verdict is undecided.
type verdict uint8

const (
	undecided verdict = iota
	begins            // it begins another connection
	passes            // the connection goes on
)

// apartAtMost is how far from what was captured a segment may lie to be the
// continuation: a large window.
const apartAtMost = 1 << 20

// contest judges by the next segment.
func (v *rival) contest(f *flow, swapped bool, s *craft.Segment) verdict {
	const kind = craft.SYN | craft.ACK | craft.RST
	client := swapped == v.swapped
	number, old := s.Ack, f.watch.Ahead(handshake.Client, s.Ack)
	if client {
		number, old = s.Seq, f.watch.Ahead(handshake.Client, s.Seq)
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
		if client && v.answered && s.Seq == v.answer.Ack {
			return begins // the client knows nothing of what the server answers for
		}
	}
	ours := int64(number.Sub(v.end))
	switch {
	case s.Flags&kind == craft.ACK && ours >= 0 && ours < apartAtMost && ours < abs(int64(old)):
		return begins
	case client && abs(int64(old)) < apartAtMost:
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

// noteAnswer keeps what the server sends meanwhile.
func (v *rival) noteAnswer(at int64, swapped bool, s *craft.Segment) {
	if swapped != v.swapped && s.Flags&(craft.RST|craft.SYN) == 0 {
		v.answered, v.answerAt = true, at
		v.answer = craft.Segment{Src: s.Src, Dst: s.Dst, Seq: s.Seq, Ack: s.Ack, Flags: s.Flags, Window: s.Window, TTL: s.TTL}
	}
}

// hold keeps a SYN that may begin another connection, where the one before is
// open; it tells whether it did.
func (t *Table) hold(at int64, p *Packet, s *craft.Segment, r ref, swapped bool, seen uint32) bool {
	f := t.flow(r)
	if s.Flags&(craft.SYN|craft.ACK|craft.RST) != craft.SYN || f.self || f.side(swapped, s) != handshake.Client ||
		!f.watch.Living() || !f.watch.Renewed(at, handshake.Client, s) {
		return false
	}
	if f.rival != nil {
		t.pass(r)
	}
	kept := *p
	kept.Data = append([]byte(nil), p.Data...)
	f.rival = &rival{packet: kept, isn: s.Seq, end: s.Seq.Add(s.Len()), at: at, seen: seen, swapped: swapped}
	return true
}

// settleRival judges the rival of a connection by the next segment, and returns
// the connection that the segment belongs to.
func (t *Table) settleRival(at int64, k *key, r ref, hash uint32, swapped bool, s *craft.Segment) ref {
	v := t.flow(r).rival
	switch v.contest(t.flow(r), swapped, s) {
	case begins:
		return t.succeed(r, k, hash)
	case passes:
		t.pass(r)
	default:
		v.noteAnswer(at, swapped, s)
	}
	return r
}

// succeed ends a connection, and begins that of its rival.
func (t *Table) succeed(r ref, k *key, hash uint32) ref {
	v := t.flow(r).rival
	t.flow(r).rival = nil
	t.finish(r, Reused)
	next := t.beginRival(v, k, hash)
	if v.answered {
		if next.isLone() {
			next = t.promote(next, &v.packet)
		}
		f := t.flow(next)
		f.watch.Segment(v.answerAt, handshake.Server, &v.answer, handshake.Kept{})
	}
	return next
}

// beginRival makes a connection of a SYN that was held.
func (t *Table) beginRival(v *rival, k *key, hash uint32) ref {
	if t.held.decode(&v.packet) != nil {
		return noRef // it could be decoded before
	}
	s := &t.held.packet.Segment
	t.crowd()
	t.number++
	if l, ok := loneOf(s, t.held.kept); ok {
		return t.begin(v.at, &v.packet, s, k, v.swapped, hash, v.seen, &l)
	}
	r := t.open(&v.packet, s, k, v.swapped, hash)
	t.follow(v.at, &v.packet, s, t.held.kept, r, v.swapped, v.seen)
	return r
}

// pass gives a held SYN to the connection that goes on.
func (t *Table) pass(r ref) {
	f := t.flow(r)
	v := f.rival
	f.rival = nil
	if t.held.decode(&v.packet) == nil {
		t.follow(v.at, &v.packet, &t.held.packet.Segment, t.held.kept, r, v.swapped, f.seen)
	}
}

// release makes an attempt of its own of a SYN of which nothing has decided.
func (t *Table) release(v *rival, why Ending) {
	if v == nil || t.held.decode(&v.packet) != nil {
		return
	}
	k, _ := keyOf(t.held.packet.Segment.Src, t.held.packet.Segment.Dst)
	_, hash := t.find(&k)
	t.finish(t.beginRival(v, &k, hash), why)
}
