package handshake

import (
	"time"

	"synscope/craft"
)

// open sends the SYN.
func (s *Session) open() {
	s.sendSYN(0)
	s.rto.timed(s.Client.Nxt, s.now)
	s.arm()
}

// sendSYN sends the plan's SYN, or for a simultaneous open with ACK the
// SYN-ACK (RFC 9293 §3.5, figure 7). Data goes with the first SYN only (RFC 7413
// §4.1.3.1).
func (s *Session) sendSYN(more craft.Flags) {
	out := s.plan.SYN
	out.Flags |= more
	if s.plain {
		out.Options = nil
	}
	if s.plan.DataOn == OnSYN && s.packets == 0 {
		room := s.plan.MSS + stampLen - len(out.Options)
		out.Payload = s.data[:min(len(s.data), max(0, room))]
	}
	if more != 0 {
		out.Ack = s.rcv
	}
	out.Options = restamped(out.Options, s.tsval(), s.recent)
	s.send(out)
}

// ask sends the question to whoever sent a segment without a number of ours:
// after a bare SYN the SYN-ACK of a simultaneous open (RFC 9293 §3.5), which only
// that end acknowledges; after a bare RST an ACK, whose number a closed port's
// RST repeats.
func (s *Session) ask(in *craft.Segment, number craft.Seq) {
	out := s.segment(craft.ACK, s.Client.Nxt)
	out.Ack = number
	if in.Flags.Has(craft.SYN) {
		val, _, _ := in.Options.Timestamps()
		out = s.plan.SYN
		out.Flags, out.Ack = out.Flags|craft.ACK, in.Seq.Add(in.Len())
		out.Options = restamped(out.Options, s.tsval(), val)
	}
	if out.Src.Addr().Is4() {
		out.ID = s.plan.SYN.ID + s.packets
	}
	s.packets++
	s.do(Action{Kind: Send, Segment: out, Aside: true})
}

// send hands a segment out, and takes it into our own picture.
func (s *Session) send(out craft.Segment) {
	if out.Src.Addr().Is4() {
		out.ID = s.plan.SYN.ID + s.packets
	}
	s.packets++
	s.Observe(Client, &out)
	s.do(Action{Kind: Send, Segment: out})
}

// segment starts a segment of the open connection. Timestamps, once negotiated,
// go into every one (RFC 7323 §3.2).
func (s *Session) segment(flags craft.Flags, seq craft.Seq) craft.Segment {
	syn := &s.plan.SYN
	out := craft.Segment{
		Src: syn.Src, Dst: syn.Dst, TTL: syn.TTL, TOS: syn.TOS, DF: syn.DF, FlowLabel: syn.FlowLabel,
		Seq: seq, Ack: s.rcv, Flags: flags | s.aceFlags(), Window: syn.Window,
	}
	if s.Client.Scaled && s.Server.Scaled {
		out.Window >>= s.Client.Shift
	}
	if s.Client.Stamped && s.Server.Stamped {
		out.Options = stampOption(s.tsval(), s.recent)
	}
	return out
}

func (s *Session) tsval() uint32 { return s.plan.Clock + uint32(s.now/time.Millisecond) }

// acknowledge sends an ACK and nothing else.
func (s *Session) acknowledge() {
	seq := s.next
	if s.phase == phaseOpening || s.phase == phaseSettling {
		seq = s.Client.Nxt
	}
	s.send(s.segment(craft.ACK, seq))
}

func (s *Session) sendFIN() { s.send(s.segment(craft.FIN|craft.ACK, s.end())) }

// end is the number after our last byte of data, which is the FIN's.
func (s *Session) end() craft.Seq { return s.base().Add(uint32(len(s.data))) }

// base is the number of our first byte of data.
func (s *Session) base() craft.Seq { return s.Client.ISS.Add(1) }

// reset sends an RST. It carries neither ACK nor timestamps: its number is all
// that counts.
func (s *Session) reset(seq craft.Seq) {
	out := s.segment(0, seq)
	out.Flags, out.Ack, out.Window, out.Options = craft.RST, 0, 0, nil
	if out.Src.Addr().Is4() {
		out.ID = s.plan.SYN.ID + s.packets
	}
	s.packets++
	s.do(Action{Kind: Send, Segment: out})
}

// initialWindow is how many full segments are in flight at most (RFC 6928).
const initialWindow = 10

// sendable is how many bytes may go into the next segment.
func (s *Session) sendable() int {
	offset := int(s.next.Sub(s.base()))
	if offset < 0 || offset >= len(s.data) {
		return 0
	}
	flight := int(s.next.Sub(s.Client.Una))
	room := min(int(s.Server.Room), initialWindow*s.mss) - flight
	return max(0, min(len(s.data)-offset, room, s.mss))
}

// output sends the data that the peer has room for, and the FIN after it.
func (s *Session) output() {
	if s.phase != phaseTalking && s.phase != phaseClosing {
		return
	}
	for n := s.sendable(); n > 0; n = s.sendable() {
		s.sendData(n)
	}
	if s.closing && s.next == s.end() && !s.Client.facts.has(finAcked) {
		s.sendFIN()
		s.next = s.next.Add(1)
	}
	if !s.armed && (s.Client.InFlight() > 0 || s.blocked()) {
		s.arm()
	}
}

// blocked tells whether data waits for a window that is shut.
func (s *Session) blocked() bool {
	return s.Server.Room == 0 && s.base().LessThanEq(s.next) && s.next.LessThan(s.end())
}

func (s *Session) sendData(n int) {
	offset := int(s.next.Sub(s.base()))
	out := s.segment(craft.ACK, s.next)
	out.Payload = s.data[offset : offset+n]
	if offset+n == len(s.data) {
		out.Flags |= craft.PSH
	}
	if s.marks() {
		s.mark(&out)
	}
	fresh := s.next == s.Client.Nxt
	s.send(out)
	s.next = s.next.Add(uint32(n))
	if fresh {
		s.rto.timed(s.next, s.now)
	}
}

// marks tells whether classic ECN was negotiated (RFC 3168 §6.1.1).
func (s *Session) marks() bool {
	return s.classicECN
}

// aceFlags is the ACE field of RFC 9768 §3.2.2: on the third segment how the
// SYN-ACK arrived, which was unmarked, then a counter that begins at 5.
func (s *Session) aceFlags() craft.Flags {
	switch {
	case !s.accurate:
		return 0
	case s.Client.Confirmed():
		return craft.AE | craft.ECE
	}
	return craft.CWR
}

func (s *Session) mark(out *craft.Segment) {
	out.TOS = out.TOS&^tosECN | tosECT
	if s.plan.Mark && !s.echo {
		out.TOS |= tosCE
	}
	if s.echo {
		out.Flags |= craft.CWR
		s.echo = false
	}
}

// restamped is a copy of options with other timestamps.
func restamped(o craft.Options, val, ecr uint32) craft.Options {
	if _, _, ok := o.Timestamps(); !ok {
		return o
	}
	var list []craft.Option
	for option := range o.All() {
		if option.Kind == craft.KindTimestamps {
			option = craft.Timestamps(val, ecr)
		}
		list = append(list, option)
	}
	if fresh, err := craft.NewOptions(list...); err == nil {
		return fresh
	}
	return o
}

// stampOption lays timestamps out as RFC 7323 appendix A does.
func stampOption(val, ecr uint32) craft.Options {
	o, err := craft.NewOptions(craft.NOP(), craft.NOP(), craft.Timestamps(val, ecr))
	if err != nil {
		panic(err) // 12 bytes fit
	}
	return o
}
