package flow

import (
	"synscope/craft"
	"synscope/probe/handshake"
)

// contestBack judges a SYN the other way by the next segment. Where it answers
// the SYN before (a split handshake, or SYNs that crossed), the client goes on
// with the number of its own SYN (RFC 9293 §3.5, figure 7). Otherwise the
// attempt before has failed, and who was to be the server asks now.
func (v *rival) contestBack(f *flow, swapped bool, s *craft.Segment) verdict {
	if swapped == v.swapped {
		return v.asker(f, s)
	}
	own := f.watch.Ahead(handshake.Client, s.Seq)
	switch s.Flags & (craft.SYN | craft.ACK | craft.RST) {
	case craft.SYN | craft.ACK:
		if own == -1 {
			return passes // its SYN again, with an acknowledgement
		}
		return begins
	case craft.RST | craft.ACK:
		if s.Ack == v.end {
			return begins
		}
	case craft.ACK:
		switch {
		case abs(int64(own)) < apartAtMost:
			return passes
		case v.follows(s.Ack):
			return begins
		}
	}
	return undecided
}

// asker judges by the next segment of the second SYN's sender.
func (v *rival) asker(f *flow, s *craft.Segment) verdict {
	ack := f.watch.Ahead(handshake.Client, s.Ack)
	switch s.Flags & (craft.SYN | craft.ACK | craft.RST) {
	case craft.SYN | craft.ACK:
		if s.Seq == v.isn {
			return passes
		}
		return parts // it takes the SYN before with another number
	case craft.RST | craft.ACK:
		if s.Seq == 0 && ack == 0 {
			return parts // it refuses the SYN before
		}
	case craft.ACK:
		switch {
		case !v.follows(s.Seq):
		case ack >= 0 && ack < apartAtMost:
			return passes
		default:
			return begins
		}
	}
	return undecided
}

// follows reports whether a number of the asker continues its SYN.
func (v *rival) follows(n craft.Seq) bool {
	d := n.Sub(v.end)
	return d >= 0 && d < apartAtMost
}

// await keeps a retransmitted SYN until it is decided whose it is.
func (t *Table) await(p *Packet, r ref, swapped bool, s *craft.Segment, seen uint32) (now ref, held bool) {
	v := t.flow(r).rival()
	again := swapped == v.swapped && s.Flags&(craft.SYN|craft.ACK|craft.RST) == craft.SYN && s.Seq == v.isn
	if !again || len(v.packets) == mostHeld {
		return r, false
	}
	v.keep(p, seen, swapped)
	t.weigh(t.flow(r))
	return r, true
}
