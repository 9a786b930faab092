package handshake

import (
	"time"

	"synscope/craft"
)

// teardown follows the FINs, and what acknowledges them. The order of
// capturing does not matter, since what was sent before a FIN has lower
// numbers.
func (b *Bystander) teardown(at int64, from Side, s *craft.Segment) {
	own, theirs := &b.fins[from], &b.fins[from.Other()]
	fin := s.Flags.Has(craft.FIN)
	if fin {
		b.fin(at, from, s)
	} else if !own.plain || own.top.LessThan(s.Ack) {
		own.plain, own.top, own.end = true, s.Ack, s.Seq.Add(s.Len())
	}
	if theirs.count == 0 || !theirs.seq.LessThan(s.Ack) {
		return
	}
	if !theirs.acked {
		theirs.acked, theirs.ackedAt = true, b.since(at)
	}
	if end := s.Seq.Add(s.Len()); !fin && (!own.bare || end.LessThan(own.bareEnd)) {
		own.bare, own.bareEnd = true, end
	}
}

func (b *Bystander) fin(at int64, from Side, s *craft.Segment) {
	f, now := &b.fins[from], b.since(at)
	seq := s.Seq.Add(s.Len() - 1)
	switch {
	case f.count > 0 && f.seq.LessThan(seq):
		*f = finKept{plain: f.plain, top: f.top, end: f.end} // nothing follows a FIN: the first was no FIN of this connection
		b.fin(at, from, s)
		return
	case f.count > 0 && f.seq != seq:
		return
	case f.count == 0:
		f.at, f.ackedAt, f.seq, f.ack = now, now, seq, s.Ack
		f.again = f.plain && seq.LessThan(f.end)
		b.overtaken(f, &b.fins[from.Other()])
	case s.Ack.LessThan(f.ack):
		f.ack = s.Ack // captured after one that was sent later
	}
	if m := b.more; f.count > 0 && now >= f.at && (m == nil || len(m.finsAt[from]) < maxSchedule) {
		m = b.rare()
		m.finsAt[from] = append(m.finsAt[from], time.Duration(now-f.at)*time.Millisecond)
	}
	f.count = min(f.count, 254) + 1
}

// afterFIN notes what a server sends after it has received the client's FIN.
func (b *Bystander) afterFIN(s *craft.Segment) {
	if f := &b.fins[Client]; f.count == 0 || !f.seq.LessThan(s.Ack) {
		return
	}
	m := b.rare()
	if m.late == 0 || s.Seq.LessThan(m.lateSeq) {
		m.lateSeq = s.Seq
	}
	m.late += uint64(len(s.Payload))
}

// halfOpen notes that a client has acknowledged such data in several steps, and
// not the server's FIN: its half was open meanwhile. One step may be an answer
// that came with the FIN.
func (b *Bystander) halfOpen(s *craft.Segment) {
	m, f := b.more, &b.fins[Server]
	if m == nil || m.late == 0 || b.ways[Server].seen.LessThan(s.Ack) || f.count > 0 && f.seq.LessThan(s.Ack) {
		return
	}
	if m.lateSeq.LessThan(s.Ack) && (m.lateSteps == 0 || m.lateAck.LessThan(s.Ack)) {
		m.lateSteps, m.lateAck = min(m.lateSteps, 254)+1, s.Ack
	}
}

// overtaken looks for what acknowledged a FIN and was captured before it.
func (b *Bystander) overtaken(f, other *finKept) {
	if other.count > 0 && f.seq.LessThan(other.ack) {
		f.acked, f.late = true, true
	}
	if other.plain && f.seq.LessThan(other.top) {
		f.acked = true
		if !other.bare || other.end.LessThan(other.bareEnd) {
			other.bare, other.bareEnd = true, other.end
		}
	}
}
