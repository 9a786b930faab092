package handshake

import (
	"time"

	"synscope/craft"
)

// arrive is RFC 9293 §3.10.7: what the two ends make of the segment, and then
// what the plan makes of that.
func (s *Session) arrive(in *craft.Segment) (n Notes) {
	before := s.Pair
	n = s.Observe(Server, in)
	if !n.Void() {
		s.stamp(in)
	}
	state := before.Client.State()
	switch {
	case in.Flags.Has(craft.RST):
		s.resetArrived(n, state)
	case n.Has(NoteBadAck|NoteOtherSYN|NoteOutside) && state.Synchronized():
		s.challengeBack()
	case n.Void(), !s.Server.Opened():
	case s.Client.State() == Closed && s.phase == phaseSettling:
	case in.Flags.Has(craft.SYN) && (state == SYNSent || s.phase == phaseSettling):
		s.opened(in)
		if s.phase == phaseTalking {
			s.teardown(&before)
			s.output()
		}
	case s.phase == phaseSettling:
	default:
		s.talk(in, n, &before)
	}
	return n
}

// stamp keeps the timestamp to be echoed, unless it is older than the last (RFC
// 7323 §4.3).
func (s *Session) stamp(in *craft.Segment) {
	if val, _, ok := in.Options.Timestamps(); ok && (!s.stamped || int32(val-s.recent) >= 0) {
		s.recent, s.stamped = val, true
	}
}

// challengeEvery is how often a segment is answered that cannot belong to the
// connection, or that had come before (RFC 5961 §7: throttled, so that it is no means
// of flooding). No stack repeats a segment sooner.
const challengeEvery = 100 * time.Millisecond

// challengeBack acknowledges what we have, so that a peer with another picture
// of the connection sees ours.
func (s *Session) challengeBack() {
	if s.spoken && s.now-s.challenge < challengeEvery {
		return
	}
	s.spoken, s.challenge = true, s.now
	s.acknowledge()
}

// resetArrived: an RST with an exact number ends the connection, any other
// number in the window is challenged (RFC 5961 §3.2), the rest is ignored.
func (s *Session) resetArrived(n Notes, state State) {
	switch {
	case n.Has(NoteInexactReset):
		s.challengeBack()
	case n.Void() && !n.Has(NoteUnverifiedReset), state == Closed:
	case n.Has(NoteUnverifiedReset):
		// Not a refusal: retransmission goes on.
	default:
		s.settle(0)
	}
}

// renew clears an old connection of the peer's out of the way (RFC 9293 §3.5.1,
// §3.10.7.3), and sends another SYN at once where that is allowed: it is no
// retransmission that was waited for.
func (s *Session) renew(in *craft.Segment, retry bool) {
	s.reset(in.Ack)
	if retry && s.phase == phaseOpening {
		s.rto.timing = false
		s.sendSYN(0)
		s.arm()
	}
}

// opened takes the peer's SYN or SYN-ACK.
func (s *Session) opened(in *craft.Segment) {
	s.rto.answered(s.now)
	s.disarm()
	s.phase = phaseOpening
	s.next = s.Client.Una
	s.rcv = in.Seq.Add(in.Len())
	negotiated := negotiatedECN(s.plan.SYN.Flags, in.Flags)
	s.classicECN, s.accurate = negotiated == ECNClassic, negotiated == ECNAccurate
	if mss := int(s.Server.MSS); mss > 0 {
		s.mss = min(s.mss, max(1, mss-len(s.segment(craft.ACK, s.next).Options))) // RFC 9293 §3.7.1: the MSS counts options in
	}
	switch {
	case s.Client.State() == SYNReceived:
		s.sendSYN(craft.ACK)
		s.arm()
	case s.plan.Withhold == WithholdSYNACKAck:
		s.phase = phaseHalfOpen
		s.wait(s.plan.Watch)
	default:
		s.established()
	}
}

// established completes the handshake and lets the plan's data follow.
func (s *Session) established() {
	s.phase, s.since = phaseTalking, s.now
	s.rto.tries = 0
	if s.next == s.Client.ISS {
		s.next = s.next.Add(1)
	}
	if s.plan.DataOn != OnACK || s.sendable() == 0 {
		s.acknowledge()
	}
	s.output()
	s.wait(s.patience())
}

// talk takes a segment of an open connection.
func (s *Session) talk(in *craft.Segment, n Notes, before *Pair) {
	if s.phase == phaseHalfOpen {
		return
	}
	if s.phase == phaseOpening && s.Client.State().Synchronized() {
		s.established()
	}
	moved := before.Client.Una.LessThan(s.Client.Una)
	if moved {
		s.advanced()
	}
	s.congestion(in)
	taken := s.take(in)
	s.doubtQueue(in)
	switch {
	case s.Server.Finished() && s.rcv.Sub(s.Server.FIN) == 1 && s.plan.Withhold == WithholdLastAck:
		s.watch()
		return
	case taken, s.rcv.LessThan(in.Seq) && in.Len() > 0: // the peer counts the ACKs beside a gap (RFC 5681 §3.2)
		s.acknowledge()
	case in.Len() > 0, n.Has(NoteKeepAlive | NoteWindowProbe):
		s.challengeBack()
	}
	if taken && s.phase == phaseTalking {
		s.wait(s.patience())
	}
	s.teardown(before)
	s.output()
}

// doubtQueue sends one byte where the SYN-ACK is retransmitted although it was
// acknowledged, and nothing else would tell a queue that is full from a host that
// waits for data (TCP_DEFER_ACCEPT, tcp(7)): that takes the byte.
func (s *Session) doubtQueue(in *craft.Segment) {
	if in.Flags.Has(craft.SYN|craft.ACK) && s.phase == phaseTalking && !s.Server.Confirmed() && len(s.data) == 0 {
		s.data = []byte{'\n'}
	}
}

// advanced: the peer acknowledged something new (RFC 6298 §5.2, §5.3).
func (s *Session) advanced() {
	s.rto.sampleFor(s.Client.Una, s.now)
	s.rto.tries = 0
	if s.next.LessThan(s.Client.Una) {
		s.next = s.Client.Una
	}
	s.disarm()
	if s.Client.InFlight() > 0 {
		s.arm()
	}
}

// take accepts what is in order, and drops the rest for the peer to repeat.
func (s *Session) take(in *craft.Segment) bool {
	end := in.Seq.Add(in.Len())
	if in.Flags.Has(craft.SYN) || s.rcv.LessThan(in.Seq) || !s.rcv.LessThan(end) {
		return false
	}
	s.rcv = end
	return true
}

// congestion answers an echoed mark (RFC 3168 §6.1.2).
func (s *Session) congestion(in *craft.Segment) {
	s.echo = s.echo || in.Flags.Has(craft.ECE) && !in.Flags.Has(craft.SYN) && s.marks()
}

// watch leaves the peer's FIN without an acknowledgement.
func (s *Session) watch() {
	if s.phase != phaseWatching {
		s.phase = phaseWatching
		s.disarm()
		s.wait(s.plan.Watch)
	}
}

// teardown follows a change of state after the first FIN of either end.
func (s *Session) teardown(before *Pair) {
	state := s.Client.State()
	if state == before.Client.State() {
		return
	}
	switch state {
	case CloseWait:
		s.peerClosed()
	case FINWait2:
		s.wait(max(s.plan.Watch, s.plan.Timeout))
	case TimeWait:
		s.disarm()
		s.wait(max(s.plan.Watch, s.rto.current()))
	case Closed:
		s.poke()
	}
}

// peerClosed: the peer's FIN came first.
func (s *Session) peerClosed() {
	switch s.plan.Close {
	case EndFIN:
		s.closing, s.phase = true, phaseClosing
	case EndRST:
		s.abort()
		s.finish()
	}
}

// poke sends our FIN once more where there is time to watch: a peer that
// closed first answers it from TIME_WAIT, or has forgotten us.
func (s *Session) poke() {
	if s.plan.Watch == 0 || s.poked {
		s.finish()
		return
	}
	s.poked = true
	s.disarm()
	s.sendFIN()
	s.wait(min(s.plan.Watch, s.plan.Timeout))
}
