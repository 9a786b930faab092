package live

import (
	"context"
	"math/rand/v2"
	"time"

	"synscope/craft"
	"synscope/probe/why"
)

// What becomes of a connection in a pause, and of one that follows from the same port.

// idle sends a byte, pauses, and sends another. On the way it sees when the program
// first speaks.
func (c *conn) idle(ctx context.Context) {
	defer func() {
		if c.data.IsZero() {
			return
		}
		c.t.Reply.Answer = c.data.Sub(c.opened)
		if c.t.Reply.Answer > slowProgram+c.rtt && (c.t.Outcome == why.Acked || c.t.Outcome == why.IdleClosed) {
			c.t.Outcome = why.SlowProgram
		}
	}()
	if _, acked := c.push(ctx, []byte("\r"), tries); !acked {
		c.t.Outcome = c.fail()
		return
	}
	if c.quiet(ctx) {
		c.t.Outcome = why.IdleClosed
		return
	}
	_, acked := c.push(ctx, []byte("\n"), tries)
	switch {
	case c.incomplete():
		c.t.Outcome = why.LargeBack
	case acked:
		c.t.Outcome = why.Acked
	case c.fin:
		c.t.Outcome = why.IdleClosed
	case c.reset && c.otherSender && c.t.Pause < time.Second:
		c.t.Outcome = why.ResetBy
	case c.reset:
		c.t.Outcome = why.IdleReset
	default:
		c.t.Outcome = why.IdleDead
	}
}

// mostAcks is how often what a program says in a pause is acknowledged.
const mostAcks = 2

// quiet waits for a trial's pause, and tells whether the connection ended in it. What
// the program says is acknowledged: else the host would retransmit it, and keep alive what
// should be forgotten.
func (c *conn) quiet(ctx context.Context) (ended bool) {
	acks := 0
	over := func() bool {
		if c.acked != c.lastACK && acks < mostAcks && !c.fin && !c.reset {
			acks++
			c.ack()
		}
		return c.reset || c.fin
	}
	return c.until(ctx, c.t.Pause, over)
}

// reuse closes the connection in both directions and sends a SYN from the same port.
func (c *conn) reuse(ctx context.Context) {
	if c.until(ctx, settleIn, func() bool { return c.fin || c.reset }); c.reset {
		c.t.Outcome = why.NotMade
		return
	}
	s := c.segment(craft.FIN|craft.ACK, c.next, c.acked)
	c.send(&s)
	c.next++
	both := func() bool { return c.reset || c.fin && !c.una.LessThan(c.next) }
	if !c.until(ctx, 2*c.rto, both) || c.reset {
		c.t.Outcome = why.NotMade
		c.close()
		return
	}
	c.ack()
	sleep(ctx, 20*time.Millisecond)
	t := c.t
	k := c.in.newExchange(t, c.dst)
	defer k.end()
	k.renumber(c.next + craft.Seq(1<<20+rand.IntN(1<<20))) // beyond the old one, as that of RFC 6528's clock is
	if c.in.ask(ctx, k, t) && t.Outcome == why.SYNACK {
		k.reset()
	}
}
