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
	theirs.acked = true
	if end := s.Seq.Add(s.Len()); !fin && (!own.bare || end.LessThan(own.bareEnd)) {
		own.bare, own.bareEnd = true, end
	}
}

func (b *Bystander) fin(at int64, from Side, s *craft.Segment) {
	f := &b.fins[from]
	switch {
	case f.count == 0:
		f.at, f.seq, f.ack = b.since(at), s.Seq.Add(s.Len()-1), s.Ack
		b.overtaken(f, &b.fins[from.Other()])
	case s.Ack.LessThan(f.ack):
		f.ack = s.Ack // captured after one that was sent later
		fallthrough
	case b.more == nil || len(b.more.finsAt[from]) < maxSchedule:
		b.rare().finsAt[from] = append(b.rare().finsAt[from], time.Duration(b.since(at)-f.at)*time.Millisecond)
	}
	f.count = min(f.count, 254) + 1
}

// overtaken looks for what acknowledged a FIN and was captured before it.
func (b *Bystander) overtaken(f, other *finKept) {
	if other.count > 0 && f.seq.LessThan(other.ack) {
		f.acked = true
	}
	if other.plain && f.seq.LessThan(other.top) {
		f.acked = true
		if !other.bare || other.end.LessThan(other.bareEnd) {
			other.bare, other.bareEnd = true, other.end
		}
	}
}
