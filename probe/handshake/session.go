package handshake

import (
	"time"

	"synscope/craft"
)

// Session is the client of one connection: RFC 9293 from CLOSED to TIME_WAIT,
// with a [Plan] in place of a program above it. It is a value without clock,
// randomness or I/O: the same events give the same actions.
type Session struct {
	Pair
	plan  *Plan
	phase phase
	now   time.Duration

	data    []byte    // what is to be said
	next    craft.Seq // what is sent next; behind Client.Nxt after a timeout
	rcv     craft.Seq // RCV.NXT: everything before it has been taken
	recent  uint32    // TS.Recent (RFC 7323 §4.3)
	mss     int       // most payload in a segment of ours
	closing bool      // the FIN follows the data
	packets uint16    // sent so far

	rto        rto
	armed      bool // the retransmission timer runs
	waiting    bool // the timer Wait runs
	classicECN bool // of the classic kind
	accurate   bool // ECN of RFC 9768 was negotiated
	echo       bool // answer congestion by CWR on the next data
	poked      bool // a FIN was retransmitted to see whether TIME_WAIT stands
	plain      bool // the SYN goes without options: a router asked for less
	stamped    bool // recent was heard

	got, came int           // bytes and segments of the peer's
	overrun   limit         // the first that was reached
	since     time.Duration // when the connection was open
	spoken    bool          // the peer has been challenged
	challenge time.Duration // when it was, last
	actions   []Action
}

// limit is one of those that a plan sets to what a peer may send.
type limit uint8

const (
	limitNone limit = iota
	limitBytes
	limitSegments
	limitTime
)

// phase is what the session is about, where a state alone does not say it.
type phase uint8

const (
	phaseOpening  phase = iota // SYN sent
	phaseHalfOpen              // the ACK of the SYN-ACK is withheld
	phaseTalking               // open, nothing said of closing
	phaseClosing               // a FIN was sent or has come
	phaseWatching              // the ACK of the peer's FIN is withheld
	phaseSettling              // refused; is it contradicted?
	phaseDone
)

// Timer names one of a session's two timers.
type Timer uint8

// Retransmit is that of RFC 6298. Wait bounds all waiting for the peer.
const (
	Retransmit Timer = iota
	Wait
)

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	Start    EventKind = iota // open the connection
	Arrive                    // Segment came from the peer
	Refuse                    // an RST with our number or an ICMP error refused the SYN; what contradicts it has After to come
	TooBig                    // an ICMP error wants packets of at most MTU bytes
	Expire                    // Timer ran out
	Cancel                    // stop, and leave nothing half-open
	Question                  // Segment proves nothing: ask whoever sent it (SEMANTICS of an opening)
	Renew                     // Segment is of an old connection: reset that
)

// Event is what happens to a session.
type Event struct {
	Kind    EventKind
	At      time.Duration // since the session began
	Segment *craft.Segment
	Timer   Timer
	MTU     int
	After   time.Duration
	Number  craft.Seq // of a Question: what the answer to it repeats
	Retry   bool      // of a Renew: the SYN goes again at once
}

// ActionKind says what to do.
type ActionKind uint8

// The actions.
const (
	Send   ActionKind = iota // Segment
	Set                      // Timer, to run out after After; replaces one that runs
	Stop                     // Timer
	Finish                   // nothing more will be done
)

// Action is what a session wants done.
type Action struct {
	Kind    ActionKind
	Segment craft.Segment
	Timer   Timer
	After   time.Duration
	Aside   bool // the segment is about no connection that we know of
}

// NewSession returns a session that has not begun. The plan must not change
// afterwards.
func NewSession(p *Plan) Session {
	return Session{plan: p, data: p.Data, mss: p.MSS, rto: newRTO(p.Timeout)}
}

// Done tells whether the session is over.
func (s *Session) Done() bool { return s.phase == phaseDone }

// Step lets one event happen. The session given is left as it was.
func Step(s Session, e Event) (Session, []Action) {
	s.now, s.actions = e.At, nil
	if s.phase == phaseDone {
		return s, nil
	}
	switch e.Kind {
	case Start:
		s.open()
	case Arrive:
		if n := s.arrive(e.Segment); !n.Void() {
			s.bound(e.Segment)
		}
	case Refuse:
		s.refuse(e.After)
	case Question:
		s.ask(e.Segment, e.Number)
	case Renew:
		s.renew(e.Segment, e.Retry)
	case TooBig:
		s.shrink(e.MTU)
	case Expire:
		s.waiting = s.waiting && e.Timer != Wait
		s.expire(e.Timer)
	case Cancel:
		s.abort()
		s.finish()
	}
	s.bounded()
	actions := s.actions
	s.actions = nil
	return s, actions
}

// bounded lets no step end with nothing to wait for: a peer that contradicts itself
// may have left the connection in a state in which neither end owes a segment.
func (s *Session) bounded() {
	if s.phase != phaseDone && !s.armed && !s.waiting {
		s.wait(s.plan.Timeout)
	}
}

func (s *Session) do(a Action) { s.actions = append(s.actions, a) }
func (s *Session) wait(d time.Duration) {
	s.waiting = true
	s.do(Action{Kind: Set, Timer: Wait, After: d})
}
func (s *Session) finish() {
	s.phase = phaseDone
	s.do(Action{Kind: Finish})
}

// orderly tells whether no RST is needed: both ends are done with the
// connection, or one has reset it.
func (s *Session) orderly() bool {
	switch s.Client.State() {
	case Closed:
		return true
	case TimeWait:
		return s.phase != phaseWatching
	}
	return s.phase == phaseSettling || s.poked
}

// abort resets the connection unless its end was orderly. The number must be
// exact (RFC 5961 §3.2); where it is not known whether the peer has received
// what is in flight, an RST for either case is sent.
func (s *Session) abort() {
	if s.orderly() {
		return
	}
	first := s.Client.Una
	if first == s.Client.ISS {
		first = first.Add(1)
	}
	s.reset(first)
	if s.Client.Nxt != first {
		s.reset(s.Client.Nxt)
	}
}

// refuse: RFC 9293 §3.9.2.2 lets an ICMP error end an attempt, and not a
// connection.
func (s *Session) refuse(after time.Duration) {
	if s.phase == phaseOpening {
		s.settle(after)
	}
}

// settle waits for a contradiction.
func (s *Session) settle(after time.Duration) {
	s.phase = phaseSettling
	s.disarm()
	s.wait(max(after, s.plan.Settle))
}

// bound ends a connection whose peer sends more than the plan allows.
func (s *Session) bound(in *craft.Segment) {
	s.got += len(in.Payload)
	s.came++
	switch {
	case s.phase == phaseDone:
		return
	case s.plan.MaxBytes > 0 && s.got > s.plan.MaxBytes:
		s.overrun = limitBytes
	case s.plan.MaxSegments > 0 && s.came > s.plan.MaxSegments:
		s.overrun = limitSegments
	default:
		return
	}
	s.abort()
	s.finish()
}
