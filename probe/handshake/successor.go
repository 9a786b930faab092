package handshake

import "synscope/craft"

// A host in TIME-WAIT answers a SYN on the same addresses and ports with an ACK, unless it can tell
// that the SYN is new: its sequence number is beyond all that the old connection used (RFC 1122
// §4.2.2.13), and its time stamp, where there are any, beyond the last (RFC 6191). Where an RST
// does not end the wait (RFC 1337 §3, fix F1; net.ipv4.tcp_rfc1337 on Linux) a SYN with other
// numbers is in vain for as long as it lasts. So the next one has such numbers.

// oldNumbers are what a host expects next on an old connection, as its ACK says.
type oldNumbers struct {
	seq     craft.Seq
	stamp   uint32
	stamped bool
}

// outlives takes note of the old connection that an ACK is of, where the SYN before this one has
// drawn such an ACK too: an RST has been sent for it, and has not ended it.
func (o *synProbe) outlives(ack *craft.Segment) {
	if o.cleared == 0 || o.past != nil {
		return
	}
	o.past = &oldNumbers{seq: ack.Ack}
	_, o.past.stamp, o.past.stamped = ack.Options.Timestamps()
}

// blocked tells whether the connection is to begin anew, with numbers that follow those of an old
// one: where the SYN would be retransmitted, since anybody may have sent the ACKs before.
func (r *runner) blocked() bool {
	o := &r.opening
	return o.past != nil && !o.succeeds && o.outcome.Doubtful() && r.session.phase == phaseOpening &&
		r.session.rto.tries < r.plan.Retries
}

// succeed has the SYN of a connection take the place of the next retransmission of one before it.
func (r *runner) succeed(before *runner) {
	r.plan.Retries = before.plan.Retries
	r.session.rto.tries = before.session.rto.tries + 1
	r.opening.succeeds = true
	r.opening.outcome, r.opening.past, r.opening.strange = before.opening.outcome, before.opening.past, before.opening.strange
}

// followedBy draws an ISN and a clock of time stamps from random ones: beyond the old by less than
// half of all numbers, and still 30 bits of them that nobody can know.
func (n *oldNumbers) followedBy(isn craft.Seq, clock uint32) (craft.Seq, uint32) {
	const room = 1 << 16 // what may have been in flight
	if n.stamped {
		clock = n.stamp + room + clock>>2
	}
	return n.seq.Add(room + uint32(isn)>>2), clock
}
