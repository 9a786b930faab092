package simnet

import (
	"time"

	"synscope/craft"
)

// receive takes the data and the FIN of an acceptable segment (RFC 9293
// §3.10.7.4, seventh and eighth check) and sends what is due.
func (c *tcb) receive(now time.Time, in *craft.Segment, out Emitter) {
	data, inOrder := c.inOrder(in)
	if !inOrder {
		c.sendACK(now, out)
		return
	}
	fin := in.Flags.Has(craft.FIN)
	if c.takesData() {
		c.rcvNxt = c.rcvNxt.Add(uint32(len(data)))
		if c.l.App.Echo && !c.closing {
			c.unacked = append(c.unacked, data...)
		}
	}
	if fin {
		c.finArrives(now, out)
	}
	if !c.held() && c.state != timeWait {
		return
	}
	if !c.output(now, out) && (len(data) > 0 || fin) {
		c.sendACK(now, out)
	}
}

// inOrder returns the new bytes of a segment, and false where it lies beyond
// the next byte expected, which we do not keep, or holds nothing new.
func (c *tcb) inOrder(in *craft.Segment) ([]byte, bool) {
	skip := int(c.rcvNxt.Sub(in.Seq))
	if skip < 0 || skip > 0 && skip >= int(in.Len()) {
		return nil, false
	}
	return in.Payload[min(skip, len(in.Payload)):], true
}

func (c *tcb) takesData() bool {
	return c.state == established || c.state == finWait1 || c.state == finWait2
}

// finArrives is the eighth check.
func (c *tcb) finArrives(now time.Time, out Emitter) {
	switch c.state {
	case established:
		c.rcvNxt = c.rcvNxt.Add(1)
		c.state = closeWait
		c.peerClosed(now, out)
	case finWait1:
		c.rcvNxt = c.rcvNxt.Add(1)
		c.state = closing
	case finWait2:
		c.rcvNxt = c.rcvNxt.Add(1)
		c.enterTimeWait(out)
	}
}

// peerClosed lets the program react to the end of the peer's data.
func (c *tcb) peerClosed(now time.Time, out Emitter) {
	switch {
	case c.l.App.OnFIN == ResetOnFIN:
		c.send(now, craft.RST|craft.ACK, c.sndNxt, nil, out)
		c.forget()
	case c.l.App.OnFIN == CloseToo && c.l.App.Linger == 0:
		c.closing = true
	case c.l.App.OnFIN == CloseToo:
		out.Schedule(c.l.App.Linger, func(now time.Time, out Emitter) {
			if c.held() {
				c.closing = true
				c.output(now, out)
			}
		})
	}
}
