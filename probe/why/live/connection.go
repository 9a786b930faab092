package live

import (
	"context"
	"fmt"
	"time"

	"synscope/craft"
	"synscope/probe/internal/wire"
	"synscope/probe/why"
)

// Bounds of a connection's trials.
const (
	tries        = 3                      // transmissions of one segment
	mostBytes    = 8                      // transmissions of all bytes of a Connect
	leastRTO     = 310 * time.Millisecond // not when hosts retransmit themselves: 200 ms to 260 ms after on Linux
	afterRTT     = 4                      // RTO in round trips
	programWaits = 3500 * time.Millisecond
	slowProgram  = time.Second // from when a program is slow
	settleIn     = 200 * time.Millisecond
	repeatedBy   = 1150 * time.Millisecond // by when a host retransmits its SYN-ACK
	segmentFill  = "\r\n\r\n\n"            // what Connect sends: an empty line in most protocols of lines
)

// conn is an open connection and what has come of it.
type conn struct {
	*exchange
	t           *why.Trial
	rtt         time.Duration
	rto         time.Duration
	opened      time.Time
	una         craft.Seq // SND.UNA
	lastACK     craft.Seq // what an ACK of ours has acknowledged
	reset       bool      // an RST came
	otherSender bool      // that came from nearer or further than the SYN-ACK
	withoutACK  bool      // the RST had no ACK: a kernel sends it for a segment of no connection (RFC 9293 §3.5.2)
	fin         bool
	repeated    bool // the SYN-ACK was retransmitted
	tooBig      bool
	data        time.Time // when the program's first byte came
	gap         time.Time // since when something is missing before what came; zero: nothing is
	fates       map[craft.Seq]*fate
}

// connection opens one and does what the trial wants.
func (i *Instrument) connection(ctx context.Context, t *why.Trial, settle func(), release <-chan struct{}) {
	k := i.newExchange(t, i.destination(t))
	defer k.end()
	if !i.ask(ctx, k, t) || t.Outcome != why.SYNACK {
		return
	}
	if t.Kind != why.Idle && !sleep(ctx, time.Until(i.start.Add(t.At+t.Pause))) {
		k.reset()
		t.Outcome = why.NotMade
		return
	}
	rtt := i.fastest(t)
	c := &conn{exchange: k, t: t, rtt: rtt, rto: max(leastRTO, afterRTT*rtt), opened: time.Now(), una: k.next, fates: map[craft.Seq]*fate{}}
	i.mu.Lock()
	t.Completed = i.completed
	i.completed++
	i.mu.Unlock()
	c.ack()
	switch t.Kind {
	case why.Connect:
		if t.Sends == why.Request {
			c.request(ctx)
			break
		}
		c.connect(ctx)
	case why.Hold:
		c.hold(ctx, settle, release)
	case why.Large:
		c.large(ctx)
	case why.Idle:
		c.idle(ctx)
	case why.Reuse:
		c.reuse(ctx)
		return
	}
	c.close()
}

// fastest is the shortest round trip to a trial's address so far: a SYN-ACK that the
// host had to repeat says nothing of how long answers take.
func (i *Instrument) fastest(t *why.Trial) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.prove(t.Addr)
	known, ok := i.rtts[t.Addr]
	if !ok || t.Reply.RTT < known {
		known = t.Reply.RTT
		i.rtts[t.Addr] = known
	}
	return known
}

// close resets what is still open. Who is reset by somebody else may be so at this end only.
func (c *conn) close() {
	if c.reset && !c.otherSender && !c.withoutACK {
		return
	}
	for _, seq := range c.edges() {
		s := c.segment(craft.RST, seq, 0)
		c.in.send(&s)
		c.in.ended(s, connection)
	}
}

// edges are what the host's RCV.NXT may be: bytes that were never acknowledged may have arrived,
// and an RST closes only with the exact number (RFC 5961 §3.2).
func (c *conn) edges() []craft.Seq {
	if c.next.LessThan(c.una) {
		c.next = c.una
	}
	first, list := c.next, []craft.Seq{c.next}
	for end := range c.fates {
		if !first.LessThan(end) {
			continue
		}
		list = append(list, end)
		if c.next.LessThan(end) {
			c.next = end
		}
	}
	return list
}

// ack acknowledges what has come.
func (c *conn) ack() {
	s := c.segment(craft.ACK, c.next, c.acked)
	c.lastACK = c.acked
	c.send(&s)
}

// take takes in one packet.
func (c *conn) take(ev *event) {
	s := &ev.seg
	switch {
	case ev.icmp != nil && ev.icmp.MTU > 0:
		c.tooBig = true
		return
	case ev.icmp != nil, !ev.ours():
		discard(c.t, ev)
		return
	case s.Flags.Has(craft.RST):
		c.t.Reply.Reset = s.TTL
		c.reset, c.withoutACK = true, !s.Flags.Has(craft.ACK)
		if c.otherSender = c.t.Reply.TTL != 0 && !sameWay(s.TTL, c.t.Reply.TTL); c.otherSender {
			c.t.Reply.Text = fmt.Sprintf("a reset with TTL %d, a SYN-ACK with %d", s.TTL, c.t.Reply.TTL)
			return
		}
		c.hungUp()
		return
	case s.Flags.Has(craft.SYN):
		c.repeated = true
		return
	}
	if s.Flags.Has(craft.ACK) {
		c.acknowledged(s.Ack, ev)
	}
	if ev.hasTS {
		c.echoed = ev.tsval
	}
	if s.Seq != c.acked {
		c.ahead(ev)
		return
	}
	if ev.len > 0 {
		c.gap = time.Time{}
	}
	if ev.len > 0 && c.data.IsZero() {
		c.data = ev.at
	}
	c.acked += craft.Seq(ev.len)
	if s.Flags.Has(craft.FIN) {
		c.acked++
		c.fin = true
		c.hungUp()
	}
}

// hungUp notes that the host ended the connection, where nobody had said anything.
func (c *conn) hungUp() {
	c.t.Reply.HungUp = c.t.Reply.HungUp || c.data.IsZero() && len(c.fates) == 0
}

// sameWay reports whether two TTLs are of one sender: kernels let segments of connections
// and those of none begin with values of their own, and ways back may differ by a hop.
func sameWay(a, b uint8) bool {
	d := wire.RoutersPassed(a) - wire.RoutersPassed(b)
	return -1 <= d && d <= 1
}

// until takes packets in until a condition holds; false where time was over first.
func (c *conn) until(ctx context.Context, d time.Duration, holds func() bool) bool {
	deadline := time.Now().Add(d)
	for !holds() {
		ev, ok := c.wait(ctx, time.Until(deadline))
		if !ok {
			return false
		}
		c.take(&ev)
	}
	return true
}

// push sends a payload until it is acknowledged, at most so many times. It returns
// how often it was sent, and whether it was acknowledged.
func (c *conn) push(ctx context.Context, payload []byte, most int) (sent int, acked bool) {
	end := c.next + craft.Seq(len(payload))
	over := func() bool { return c.reset || c.tooBig || !c.una.LessThan(end) }
	f := c.fates[end]
	if f == nil {
		f = &fate{}
		c.fates[end] = f
	}
	for sent = 1; sent <= most; sent++ {
		f.sent++
		s := c.segment(craft.ACK|craft.PSH, c.next, c.acked)
		s.Payload = payload
		if c.send(&s) != nil {
			return sent, false
		}
		f.left = time.Now()
		if c.until(ctx, c.rto*time.Duration(sent), over) {
			break
		}
	}
	acked = !c.una.LessThan(end)
	if acked {
		c.next = end
	}
	if acked && sent > 1 {
		c.in.lost()
	}
	return min(sent, most), acked
}

// fail is the outcome of a connection that took nothing: ignored, or reset.
func (c *conn) fail() why.Outcome {
	switch {
	case c.reset && c.otherSender:
		return why.ResetBy
	case c.reset && (!c.withoutACK || c.fin || !c.data.IsZero()):
		c.t.Reply.Text = "the program resets it"
		return why.Acked
	case c.reset:
		return why.ResetOnACK
	case c.fin:
		return why.Acked
	}
	return why.Ignored
}

// connect sends single bytes and waits for the program to say something.
func (c *conn) connect(ctx context.Context) {
	c.t.Outcome = why.Acked
	left := mostBytes
	for n := range segmentFill {
		sent, acked := c.push(ctx, []byte{segmentFill[n]}, min(tries, left))
		left -= sent
		switch {
		case !acked && (c.reset || c.fin || n == 0):
			c.t.Outcome = c.fail()
			return
		case !acked, sent > 1:
			c.t.Outcome = why.Lossy
		}
		if left <= 0 {
			break
		}
	}
	if c.t.Outcome == why.Lossy && c.una == c.next {
		c.whichWay(ctx, left)
	}
	spoke := func() bool { return !c.data.IsZero() || c.fin || c.reset }
	c.until(ctx, programWaits-time.Since(c.opened), spoke)
	if c.incomplete() {
		c.t.Outcome = why.LargeBack
	}
	if c.data.IsZero() {
		return
	}
	c.t.Reply.Answer = c.data.Sub(c.opened)
	if c.t.Outcome == why.Acked && c.t.Reply.Answer > slowProgram+c.rtt {
		c.t.Outcome = why.SlowProgram
	}
}

// hold keeps the connection until all others of the batch have their outcome. A
// SYN-ACK that is retransmitted means that the third ACK was not taken, or that the
// program waits for data (tcp(7), TCP_DEFER_ACCEPT): one byte tells.
func (c *conn) hold(ctx context.Context, settle func(), release <-chan struct{}) {
	c.t.Outcome = why.Acked
	c.until(ctx, repeatedBy, func() bool { return c.reset || c.repeated })
	switch {
	case c.reset:
		c.t.Outcome = c.fail()
	case c.repeated:
		if _, acked := c.push(ctx, []byte("\r"), 1); !acked {
			c.t.Outcome = c.fail()
		}
	}
	settle()
	select {
	case <-release:
	case <-ctx.Done():
	}
}
