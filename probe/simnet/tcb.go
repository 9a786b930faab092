package simnet

import (
	"time"

	"synscope/craft"
)

// tcb is a transmission control block: one connection of a Listener. The
// fields are named after RFC 9293 §3.3.1.
type tcb struct {
	l     *Listener
	tuple tuple
	state tcpState

	iss, sndUna, sndNxt craft.Seq
	irs, rcvNxt         craft.Seq
	peerWindow          uint32 // SND.WND
	mss                 int    // what the peer takes

	sack     bool
	scaled   bool
	sendOff  uint8 // the peer's window shift
	stamped  bool  // timestamps were negotiated
	tsOffset uint32
	tsRecent uint32
	ecn      bool

	unacked []byte // from sndUna on: sent and not acknowledged, then unsent
	closing bool   // a FIN follows the data
	timer   *Timer // retransmission, or the end of TIME-WAIT
	tries   int
}

// tcpState is a state of RFC 9293 §3.3.2. LISTEN and CLOSED have no tcb.
type tcpState uint8

const (
	synReceived tcpState = iota
	established
	finWait1
	finWait2
	closing
	timeWait
	closeWait
	lastAck
)

// ourShift is the window scale that a Listener offers (RFC 7323 §2.2).
const ourShift = 7

// arrives is RFC 9293 §3.10.7.4 from its first check on.
func (c *tcb) arrives(now time.Time, in *craft.Segment, out Emitter) {
	switch {
	case c.repeatsSYN(in):
		c.sendSYNACK(now, out)
	case c.reopens(in):
		c.forget()
		c.l.listen(now, in, out)
	case in.Flags.Has(craft.RST):
		c.resetArrives(now, in, out)
	case in.Flags.Has(craft.SYN):
		c.sendACK(now, out) // a challenge: RFC 5961 §4.2
	case !c.acceptable(in):
		c.unacceptable(now, in, out)
	case !in.Flags.Has(craft.ACK), !c.keepsStamps(in):
	default:
		c.ackArrives(now, in, out)
	}
}

// repeatsSYN recognises the SYN that started a half-open connection. The
// answer is the same SYN-ACK, ISN and all.
func (c *tcb) repeatsSYN(in *craft.Segment) bool {
	return c.state == synReceived && in.Flags&(craft.SYN|craft.ACK|craft.RST) == craft.SYN && in.Seq == c.irs
}

// reopens recognises a SYN that may begin a new connection in TIME-WAIT,
// because its numbers lie beyond the old one's (RFC 9293 §3.10.7.4, RFC 6191).
func (c *tcb) reopens(in *craft.Segment) bool {
	return c.state == timeWait && in.Flags&(craft.SYN|craft.ACK|craft.RST) == craft.SYN && c.rcvNxt.LessThan(in.Seq)
}

// acceptable is the sequence number check (RFC 9293 §3.4, table 6).
func (c *tcb) acceptable(in *craft.Segment) bool {
	size, length := c.receiveWindow(), in.Len()
	switch {
	case length == 0 && size == 0:
		return in.Seq == c.rcvNxt
	case length == 0:
		return in.Seq.InWindow(c.rcvNxt, size)
	case size == 0:
		return false
	}
	return in.Seq.InWindow(c.rcvNxt, size) || in.Seq.Add(length-1).InWindow(c.rcvNxt, size)
}

// unacceptable acknowledges what it cannot take. In TIME-WAIT a FIN is the
// peer's again, and starts the wait anew.
func (c *tcb) unacceptable(now time.Time, in *craft.Segment, out Emitter) {
	c.sendACK(now, out)
	if c.state == timeWait && in.Flags.Has(craft.FIN) {
		c.enterTimeWait(out)
	}
}

// window is what the next segment announces, unless it is a SYN-ACK.
func (c *tcb) window() uint16 {
	if c.state == synReceived {
		return c.l.handshakeWindow()
	}
	return c.l.acceptedWindow()
}

func (c *tcb) receiveWindow() uint32 {
	size := uint32(c.window())
	if c.scaled && c.state != synReceived { // a SYN's is never scaled: RFC 7323 §2.2
		size <<= ourShift
	}
	return size
}

// keepsStamps is RFC 7323 §3.2: once negotiated, a segment without a timestamp
// is dropped.
func (c *tcb) keepsStamps(in *craft.Segment) bool {
	if !c.stamped {
		return true
	}
	val, _, ok := in.Options.Timestamps()
	if ok {
		c.tsRecent = val
	}
	return ok
}

// resetArrives is RFC 5961 §3.2: only the exact number resets, any other in
// the window is challenged, the rest ignored.
func (c *tcb) resetArrives(now time.Time, in *craft.Segment, out Emitter) {
	switch {
	case in.Seq == c.rcvNxt:
		c.forget()
	case in.Seq.InWindow(c.rcvNxt, c.receiveWindow()):
		c.sendACK(now, out)
	}
}

// ackArrives is the fifth check, and what follows from it.
func (c *tcb) ackArrives(now time.Time, in *craft.Segment, out Emitter) {
	if c.state == synReceived && !c.establish(now, in, out) {
		return
	}
	if c.sndNxt.LessThan(in.Ack) {
		c.sendACK(now, out)
		return
	}
	c.peerWindow = uint32(in.Window) << c.sendOff
	if c.sndUna.LessThan(in.Ack) {
		c.acknowledged(in.Ack, out)
	}
	if c.held() {
		c.receive(now, in, out)
	}
}

// establish leaves SYN-RECEIVED, unless the acknowledgement is wrong or there
// is no room in the accept queue.
func (c *tcb) establish(now time.Time, in *craft.Segment, out Emitter) bool {
	switch {
	case in.Ack != c.sndNxt:
		c.l.reset(in, out)
		return false
	case c.l.Backlog == BacklogFull:
		return false
	case c.l.Backlog == BacklogReset:
		c.l.reset(in, out)
		c.forget()
		return false
	}
	c.stopTimer()
	c.state, c.tries, c.sndUna = established, 0, in.Ack
	c.peerWindow = uint32(in.Window) << c.sendOff
	c.unacked = append(c.unacked, c.l.App.Banner...)
	c.closing = c.l.App.Hangup
	c.output(now, out)
	return true
}

// held reports whether the connection still exists.
func (c *tcb) held() bool { return c.l.conns[c.tuple] == c }

func (c *tcb) stopTimer() {
	c.timer.Stop()
	c.timer = nil
}

func (c *tcb) forget() {
	c.stopTimer()
	delete(c.l.conns, c.tuple)
}
