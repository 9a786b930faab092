package handshake

import (
	"slices"
	"time"
)

// firstFIN is who sent the first FIN: the one whose FIN the other's
// acknowledges.
func (b *Bystander) firstFIN() Side {
	c, s := &b.fins[Client], &b.fins[Server]
	switch {
	case c.count == 0 && s.count > 0:
		return Server
	case c.count > 0 && s.count > 0 && s.seq.LessThan(c.ack) && !c.seq.LessThan(s.ack):
		return Server
	}
	return Client
}

// closed names how the connection ended. What was captured decides; that
// something was not counts only where the capture has the rest.
func (b *Bystander) closed(t Trust) Close {
	c, s := &b.fins[Client], &b.fins[Server]
	hidden := b.tail(Client) > 0 || b.tail(Server) > 0 || b.strays > 0
	both := b.known&(knowClientSYN|knowClientPlain) != 0 && b.known&(knowServerSYN|knowServerPlain) != 0
	begun := b.known&(knowClientSYN|knowServerSYN) != 0
	reset := b.known&(knowServerReset|knowClientReset) != 0
	switch {
	case b.known.has(knowGone) && !b.known.has(knowProven):
		return CloseByReset
	case c.acked && s.acked:
		return b.complete(t)
	case both && b.neverAcked(Client, t) && !b.known.has(knowServerReset):
		return CloseTimeout // also where the client gave up by RST
	case reset && (b.doubted() || t.NoACKs):
		return CloseUnknown
	case reset && !begun && !b.wasUp():
		return CloseUnknown
	case reset && !b.known.has(knowServerReset) && !b.known.has(knowClientSYN) && b.mark(Client).early:
		return CloseUnknown // a client that never had this connection answers so
	case reset && b.endedBefore(), reset && c.count == 0 && s.count == 0 && (t.Gaps == 0 || b.untilReset()):
		return CloseByReset
	case c.count > 0 && s.count > 0 && b.gone(), !both && b.goneAlone():
		return CloseUnknown
	case reset && !hidden && !(c.count > 0 && s.count > 0 && (t.lossy() || t.Gaps > 0 && b.endedAfter())):
		return CloseByReset
	case both && (b.neverAcked(Client, t) || b.neverAcked(Server, t)):
		return CloseTimeout
	case t.lossy(), hidden, !both, c.count > 0 && s.count > 0, c.count > 0 && !c.acked, s.count > 0 && !s.acked:
		return CloseUnknown
	case (c.count > 0 || s.count > 0) && (!begun || t.Gaps > 0 || b.holed() || !b.used(Client) && !b.used(Server)):
		return CloseUnknown // the other FIN may have come before the capture, or been missed, or an RST
	case c.count > 0 || s.count > 0:
		return CloseHalfClosed
	}
	return CloseNever
}

// used tells whether an end went on receiving after it had sent its FIN: a
// socket that was closed as a whole would have sent an RST.
func (b *Bystander) used(side Side) bool {
	f := &b.fins[side]
	return f.count > 0 && f.ack.LessThan(b.pair.end(side.Other()).Una)
}

// gone tells an RST without ACK of the end that sent its FIN second: its socket
// is no more, and had what acknowledges that FIN, or waited for it in vain.
func (b *Bystander) gone() bool {
	side := b.firstFIN().Other()
	m, f := b.mark(side), &b.fins[side]
	return m.set && !m.acks && f.seq.LessThan(m.seq)
}

// goneAlone tells such an RST of an end that had sent its FIN, where nothing of
// the other was captured: its FIN may have come before.
func (b *Bystander) goneAlone() bool {
	for side := range Server + 1 {
		if m := b.mark(side); m.set && !m.acks && b.fins[side].count > 0 {
			return true
		}
	}
	return false
}

// endedBefore tells an RST that acknowledges, and so is of a socket that lived,
// where the other end has sent no FIN, or the socket had not received it: what came
// later, or what it had sent in vain, changes nothing.
func (b *Bystander) endedBefore() bool {
	for _, side := range []Side{Client, Server} {
		m, other := b.mark(side), side.Other()
		had := b.fins[other].count > 0 && b.fins[other].seq.LessThan(m.ack)
		if m.set && m.acks && b.strays == 0 && !had && m.ack.LessThanEq(b.ways[other].seen) {
			return true
		}
	}
	return false
}

// endedAfter tells an RST that acknowledges the other end's FIN: a segment that did so
// before may not have been captured, and then the connection was over.
func (b *Bystander) endedAfter() bool {
	for _, side := range []Side{Client, Server} {
		if m, f := b.mark(side), &b.fins[side.Other()]; m.set && m.acks && f.count > 0 && f.seq.LessThan(m.ack) {
			return true
		}
	}
	return false
}

// untilReset tells whether nothing is missing of who sent the RST: it has sent no
// FIN.
func (b *Bystander) untilReset() bool {
	return !slices.ContainsFunc([]Side{Client, Server}, func(side Side) bool { return b.mark(side).set && b.tail(side) > 0 })
}

// wasUp tells whether a connection that was met under way cannot have been
// closed before the RST: an end that sent data in the capture, and no FIN after
// them, had sent none before. And its ends have spoken before the RST, which
// otherwise may come from a socket that is long gone.
func (b *Bystander) wasUp() bool {
	up := false
	for _, side := range []Side{Client, Server} {
		if m := b.mark(side); m.set && m.early {
			return false
		}
		up = up || b.ways[side].carried > 0 && b.fins[side].count == 0
	}
	return up
}

// neverAcked tells whether nobody acknowledged an end's FIN, by that end's own
// word: it retransmitted it again and again, over a second and more. The last of them may
// have been acknowledged after all in a capture that misses segments, unless
// they are as many as are sent before it is given up (tcp(7), tcp_orphan_retries);
// or after the end of one that does not go on until the next is due, unless it was
// for three seconds.
func (b *Bystander) neverAcked(side Side, t Trust) bool {
	const several, many, lasting, long = 3, 8, time.Second, 3 * time.Second
	f := &b.fins[side]
	if f.acked || f.count < several || f.count < many && t.Gaps > 0 || t.NoACKs || t.Chosen || b.more == nil {
		return false
	}
	again := b.more.finsAt[side]
	if len(again) == 0 || slices.Max(again) < lasting {
		return false
	}
	return f.count >= many || slices.Max(again) >= long || b.mark(side).set || t.Silent >= nextFIN(again)
}

// nextFIN is how long after the last of several FINs the next is due: twice as long
// as that came after the one before (RFC 6298 §5.5).
func nextFIN(again []time.Duration) time.Duration {
	last, before := again[len(again)-1], time.Duration(0)
	if len(again) > 1 {
		before = again[len(again)-2]
	}
	return 2 * max(0, last-before)
}

// complete names a teardown in which both FINs were acknowledged.
func (b *Bystander) complete(t Trust) Close {
	first, second := &b.fins[b.firstFIN()], &b.fins[b.firstFIN().Other()]
	switch {
	case second.bare && second.bareEnd.LessThanEq(second.seq):
		return CloseFourWay
	case !first.seq.LessThan(second.ack) && !second.seq.LessThan(first.ack):
		return CloseFourWay // they crossed
	case first.seq.LessThan(second.ack) && second.seq.LessThan(first.ack):
		return CloseUnknown // both had come before
	case t.lossy(), b.idents[b.firstFIN().Other()].hole:
		return CloseUnknown // an ACK by itself may not have been captured
	case first.late && (t.Gaps > 0 || b.known&(knowClientSYN|knowServerSYN) == 0):
		return CloseUnknown // it had been sent before, and may have been acknowledged
	case second.again:
		return CloseUnknown // it had been sent before, perhaps as the first of the two
	}
	return CloseThreeWay
}
