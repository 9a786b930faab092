package live

import (
	"context"
	"time"

	"synscope/craft"
	"synscope/probe/why"
)

// On which way the bytes of a connection were lost.

// soonAfter is by how much more than a round trip an ACK may take that answers the
// last copy of a byte.
const soonAfter = 2 * time.Millisecond

// fate is what became of a payload, by its right edge.
type fate struct {
	sent  int
	left  time.Time // the last copy
	plain bool      // it was acknowledged before the peer reported a duplicate
	soon  bool      // that was as soon as the last copy can have been answered
	twice int       // how often the peer said that it had it already
}

// acknowledged takes in an ACK.
func (c *conn) acknowledged(ack craft.Seq, ev *event) {
	if f := c.fates[ev.twice]; f != nil {
		f.twice++
		c.t.Reply.Duplicates++
	}
	if !c.una.LessThan(ack) {
		return
	}
	c.una = ack
	if f := c.fates[ack]; f != nil && ack != ev.twice {
		f.plain, f.soon = true, ev.at.Sub(f.left) < c.rtt+max(c.rtt/2, soonAfter)
	}
}

// whichWay says on which way bytes were lost: of what had arrived, the peer tells that
// it came twice. Whether it does so at all, one more duplicate shows.
func (c *conn) whichWay(ctx context.Context, left int) {
	c.until(ctx, c.rto/2, c.reported)
	there, back, unknown := c.losses()
	if c.t.Reply.Duplicates == 0 && left > 0 {
		s := c.segment(craft.ACK|craft.PSH, c.next-1, c.acked)
		s.Payload = []byte{segmentFill[len(segmentFill)-1]}
		c.send(&s)
		c.until(ctx, c.rto, func() bool { return c.t.Reply.Duplicates > 0 || c.reset })
	}
	switch {
	case unknown > 0:
	case there+back == 0:
		c.t.Outcome = why.Acked // nothing was lost: it was late
	case back == 0:
		c.t.Outcome = why.LossyThere
	case there == 0:
		c.t.Outcome = why.LossyBack
	}
}

// reported reports whether the peer has reported each payload sent twice as a duplicate.
func (c *conn) reported() bool {
	for _, f := range c.fates {
		if f.sent > 1 && f.plain && f.twice == 0 {
			return c.reset
		}
	}
	return true
}

// losses counts the payloads that were lost on the way there, and those whose ACKs
// were lost on the way back. What was acknowledged and came twice all the same was late.
// An ACK that came with data of the peer's some time after the last copy tells neither.
func (c *conn) losses() (there, back, unknown int) {
	for _, f := range c.fates {
		switch {
		case f.sent < 2, f.plain && f.twice > 0:
		case !f.plain:
			back++
		case f.soon:
			there++
		default:
			unknown++
		}
	}
	return there, back, unknown
}
