package simnet

import (
	"cmp"
	"time"

	"synscope/craft"
)

// timeWaitLength is Linux's TCP_TIMEWAIT_LEN.
const timeWaitLength = time.Minute

// segment starts a segment of the connection: addresses, numbers and flags.
func (c *tcb) segment(flags craft.Flags) craft.Segment {
	ttl := cmp.Or(c.l.TTL, 64)
	return craft.Segment{
		Src: c.tuple.local, Dst: c.tuple.remote, TTL: ttl, DF: c.tuple.local.Addr().Is4(),
		Seq: c.sndNxt, Ack: c.rcvNxt, Flags: flags,
	}
}

// send emits a segment that is no SYN.
func (c *tcb) send(now time.Time, flags craft.Flags, seq craft.Seq, payload []byte, out Emitter) {
	s := c.segment(flags)
	s.Seq, s.Payload, s.Window = seq, payload, c.window()
	if c.stamped {
		s.Options = mustOptions(craft.NOP(), craft.NOP(), craft.Timestamps(c.tsval(now), c.tsRecent))
	}
	out.Segment(0, &s)
}

func (c *tcb) sendACK(now time.Time, out Emitter) { c.send(now, craft.ACK, c.sndNxt, nil, out) }

// output sends what the peer's window allows, then the FIN, and reports
// whether it sent anything, and with it an acknowledgement.
func (c *tcb) output(now time.Time, out Emitter) (sent bool) {
	for {
		n := c.sendable()
		if n == 0 {
			break
		}
		first := c.sndNxt.Sub(c.sndUna)
		c.send(now, craft.PSH|craft.ACK, c.sndNxt, c.unacked[first:int(first)+n], out)
		c.sndNxt = c.sndNxt.Add(uint32(n))
		sent = true
	}
	if c.finDue() {
		c.send(now, craft.FIN|craft.ACK, c.sndNxt, nil, out)
		c.sndNxt = c.sndNxt.Add(1)
		c.finSent()
		sent = true
	}
	if sent && c.timer == nil {
		c.rearmRTO(out)
	}
	return sent
}

// sendable is how many bytes may go into the next segment.
func (c *tcb) sendable() int {
	if c.state != established && c.state != closeWait {
		return 0
	}
	flight := int(c.sndNxt.Sub(c.sndUna))
	return max(0, min(len(c.unacked)-flight, int(c.peerWindow)-flight, c.mss))
}

func (c *tcb) finDue() bool {
	return c.closing && (c.state == established || c.state == closeWait) &&
		int(c.sndNxt.Sub(c.sndUna)) == len(c.unacked)
}

func (c *tcb) finSent() {
	if c.state == established {
		c.state = finWait1
		return
	}
	c.state = lastAck
}

// finAcked reports whether all we have sent is acknowledged, FIN included.
func (c *tcb) finAcked() bool { return c.sndUna == c.sndNxt }

// acknowledged advances SND.UNA.
func (c *tcb) acknowledged(ack craft.Seq, out Emitter) {
	n := min(int(ack.Sub(c.sndUna)), len(c.unacked))
	c.unacked = c.unacked[n:]
	c.sndUna = ack
	c.tries = 0
	c.stopTimer()
	if !c.finAcked() {
		c.rearmRTO(out)
		return
	}
	switch c.state {
	case finWait1:
		c.state = finWait2
	case closing:
		c.enterTimeWait(out)
	case lastAck:
		c.forget()
	}
}

// enterTimeWait starts the wait, or starts it again.
func (c *tcb) enterTimeWait(out Emitter) {
	c.state = timeWait
	c.stopTimer()
	if c.l.App.NoTimeWait {
		c.forget()
		return
	}
	c.timer = out.Schedule(timeWaitLength, func(time.Time, Emitter) { c.forget() })
}

func (c *tcb) rearmRTO(out Emitter) {
	c.timer = out.Schedule(c.l.App.rto(c.tries), c.retransmit)
}

// retransmit repeats the earliest segment that is not acknowledged (RFC 6298
// §5.4).
func (c *tcb) retransmit(now time.Time, out Emitter) {
	c.tries++
	if c.tries > c.l.App.retries() {
		c.forget()
		return
	}
	flight := min(int(c.sndNxt.Sub(c.sndUna)), len(c.unacked))
	if flight > 0 {
		c.send(now, craft.PSH|craft.ACK, c.sndUna, c.unacked[:min(flight, c.mss)], out)
	} else {
		c.send(now, craft.FIN|craft.ACK, c.sndUna, nil, out)
	}
	c.rearmRTO(out)
}
