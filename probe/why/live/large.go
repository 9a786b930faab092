package live

import (
	"context"

	"synscope/probe/why"
)

// What a path does to segments of full size.

// large sends a full-sized segment, and if that is not acknowledged, smaller ones.
func (c *conn) large(ctx context.Context) {
	if _, acked := c.push(ctx, []byte("\r"), tries); !acked {
		c.t.Outcome = c.fail()
		return
	}
	full := c.room()
	_, acked := c.push(ctx, fill(full), tries)
	switch {
	case c.reset && c.otherSender && !acked:
		c.t.Outcome = why.ResetBy
	case acked, c.reset && (!c.withoutACK || c.fin), c.fin:
		c.t.Outcome, c.t.Reply.Size = why.Acked, c.size(full)
	case c.tooBig:
		c.t.Outcome = why.TooBig
	case c.reset:
		c.t.Outcome = why.ResetOnACK
	default:
		c.smaller(ctx, full)
	}
}

// smaller looks what passes where a full-sized segment does not.
func (c *conn) smaller(ctx context.Context, full int) {
	c.t.Outcome = why.Lossy // nothing passes any more: the connection is dead, not its large segments
	for _, n := range []int{min(500, full/2), full * 3 / 4} {
		if _, acked := c.push(ctx, fill(n), 2); acked {
			c.t.Outcome, c.t.Reply.Size = why.LargeLost, c.size(n)
		}
	}
}

// room is the payload of a full-sized segment.
func (c *conn) room() int {
	options := 0
	if c.ts {
		options = 12
	}
	room := c.mtu - c.size(0)
	if c.mss > 0 {
		room = min(room, c.mss-options)
	}
	return max(room, 100)
}

// size is the length of the IP packet of so much payload.
func (c *conn) size(payload int) int {
	n := 40 + payload
	if c.src.Addr().Is6() {
		n += 20
	}
	if c.ts {
		n += 12
	}
	return n
}

// fill is a payload of empty lines.
func fill(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = "\r\n"[i%2]
	}
	return b
}
