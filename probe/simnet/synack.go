package simnet

import (
	"time"

	"synscope/craft"
)

// negotiate takes what the SYN offers, and nothing else.
func (c *tcb) negotiate(syn *craft.Segment) {
	c.mss = 536 // RFC 9293 §3.7.1, where none is given
	if mss, ok := syn.Options.MSS(); ok {
		c.mss = max(int(mss), 48) // Linux: TCP_MIN_SND_MSS, so that a hostile 0 does not stall us
	}
	c.sack = syn.Options.SACKPermitted()
	c.sendOff, c.scaled = syn.Options.WindowScale()
	c.sendOff = min(c.sendOff, 14) // RFC 7323 §2.3
	c.tsRecent, _, c.stamped = syn.Options.Timestamps()
	c.tsOffset = c.l.stampOffset(syn)
	c.ecn = c.l.ECN && syn.Flags.Has(craft.ECE|craft.CWR)
	c.peerWindow = uint32(syn.Window)
}

// synackOptions lays options out as Linux does (net/ipv4/tcp_output.c,
// tcp_options_write). A bare SYN gets the MSS alone.
func (c *tcb) synackOptions(now time.Time) craft.Options {
	list := []craft.Option{craft.MSS(c.ourMSS())}
	if c.sack && !c.stamped {
		list = append(list, craft.NOP(), craft.NOP())
	}
	if c.sack {
		list = append(list, craft.SACKPermitted())
	}
	if c.stamped && !c.sack {
		list = append(list, craft.NOP(), craft.NOP())
	}
	if c.stamped {
		list = append(list, craft.Timestamps(c.tsval(now), c.tsRecent))
	}
	if c.scaled {
		list = append(list, craft.NOP(), craft.WindowScale(ourShift))
	}
	return mustOptions(list...)
}

func (c *tcb) ourMSS() uint16 {
	switch {
	case c.l.MSS != 0:
		return c.l.MSS
	case c.tuple.local.Addr().Is4():
		return 1460
	}
	return 1440
}

// tsval is a clock of milliseconds.
func (c *tcb) tsval(now time.Time) uint32 { return uint32(now.UnixMilli()) + c.tsOffset }

// mustOptions is for lists that fit by construction.
func mustOptions(list ...craft.Option) craft.Options {
	options, err := craft.NewOptions(list...)
	if err != nil {
		panic(err)
	}
	return options
}

func (c *tcb) sendSYNACK(now time.Time, out Emitter) {
	s := c.segment(craft.SYN | craft.ACK)
	s.Seq, s.Window, s.Options = c.iss, c.l.handshakeWindow(), c.synackOptions(now)
	if c.ecn {
		s.Flags |= craft.ECE
	}
	out.Segment(0, &s)
}

// rearmSYNACK waits for the next retransmission of the SYN-ACK, or for the end
// of the half-open connection.
func (c *tcb) rearmSYNACK(out Emitter) {
	times := c.l.synackTimes()
	at := func(i int) time.Duration {
		switch {
		case i == 0:
			return 0
		case i <= len(times):
			return times[i-1]
		}
		return c.l.forget()
	}
	c.timer = out.Schedule(at(c.tries+1)-at(c.tries), c.synackTimeout)
}

func (c *tcb) synackTimeout(now time.Time, out Emitter) {
	c.tries++
	if c.tries > len(c.l.synackTimes()) {
		c.forget()
		return
	}
	c.sendSYNACK(now, out)
	c.rearmSYNACK(out)
}
