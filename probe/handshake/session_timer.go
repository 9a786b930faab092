package handshake

import (
	"time"

	"synscope/craft"
)

// expire lets a timer run out.
func (s *Session) expire(t Timer) {
	switch {
	case t == Retransmit && s.armed:
		s.armed = false
		s.timeout()
	case t == Retransmit:
	case s.phase == phaseTalking:
		s.quiet()
	default:
		s.abort()
		s.finish()
	}
}

// quiet: nothing came for a while, so the connection is closed, unless data of
// ours is still under way; then its retransmission decides.
func (s *Session) quiet() {
	if s.Client.InFlight() > 0 || s.next.LessThan(s.end()) {
		s.wait(s.plan.Quiet)
		return
	}
	if s.plan.Close != EndFIN {
		s.abort()
		s.finish()
		return
	}
	s.closing, s.phase = true, phaseClosing
	s.output()
}

// patience is how long the open connection is listened to: longer where data
// of ours has not drawn an answer yet.
func (s *Session) patience() time.Duration {
	answered := s.Server.ISS.Add(1).LessThan(s.rcv)
	wait := s.plan.Quiet
	switch {
	case s.plan.Close == EndNone:
		return max(s.plan.Watch, s.plan.Quiet)
	case len(s.data) > 0 && !answered:
		wait = max(s.plan.Timeout, s.plan.Quiet)
	}
	if left := s.since + s.plan.MaxTime - s.now; s.plan.MaxTime > 0 && left < wait {
		s.overrun = limitTime
		return max(left, 0)
	}
	return wait
}

// timeout is RFC 6298 §5.4 to §5.6. After the last retransmission and its
// timeout the connection is given up; of a peer that has sent nothing at all, it is
// taken that there is none to be reset.
func (s *Session) timeout() {
	if s.rto.tries >= s.plan.Retries {
		if s.Server.Opened() || s.came > 0 {
			s.abort()
		}
		s.finish()
		return
	}
	s.retransmit()
}

// retransmit sends the earliest segment that is not acknowledged, or a
// probe into a window that is shut.
func (s *Session) retransmit() {
	s.rto.backOff()
	switch {
	case s.phase == phaseOpening && s.Client.State() == SYNReceived:
		s.sendSYN(craft.ACK)
	case s.phase == phaseOpening:
		s.sendSYN(0)
	case s.blocked() && s.Client.Una == s.next:
		s.probeWindow()
	default:
		s.resend()
	}
	s.arm()
}

// probeWindow sends one byte into the shut window (RFC 9293 §3.8.6.1).
func (s *Session) probeWindow() {
	out := s.segment(craft.ACK, s.next)
	offset := int(s.next.Sub(s.base()))
	out.Payload = s.data[offset : offset+1]
	s.send(out)
}

// resend goes back to what is not acknowledged.
func (s *Session) resend() {
	s.next = s.Client.Una
	n := s.sendable()
	if n == 0 && s.next.LessThan(s.end()) {
		n = min(int(s.end().Sub(s.next)), s.mss)
	}
	if n > 0 {
		s.sendData(n)
		return
	}
	s.sendFIN()
	s.next = s.end().Add(1)
}

// shrink sends smaller segments from here on (RFC 1191 §6.3, RFC 8201 §4).
func (s *Session) shrink(mtu int) {
	if s.phase == phaseOpening {
		s.plain = true
	}
	room := mtu - headersOf(s.plan.SYN.Src.Addr()) - stampLen
	if room <= 0 || room >= s.mss {
		return
	}
	s.mss = room
	if s.phase == phaseTalking || s.phase == phaseClosing {
		s.next = s.Client.Una
		s.output()
	}
}

func (s *Session) arm() {
	s.armed = true
	s.do(Action{Kind: Set, Timer: Retransmit, After: s.rto.current()})
}

func (s *Session) disarm() {
	s.armed = false
	s.do(Action{Kind: Stop, Timer: Retransmit})
}
