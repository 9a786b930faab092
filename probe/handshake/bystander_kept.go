package handshake

import (
	"time"

	"synscope/craft"
)

// asking is what is kept of the client's SYNs.
type asking struct {
	at, latest int64  // the first and the latest one
	val, last  uint32 // their timestamps
	ackVal     uint32 // that of the ACK of the SYN-ACK
	pressedVal uint32 // timestamp of that first data or FIN, where it is not ackVal; 0 none
	pressed    uint32 // from that ACK to the client's first data or FIN, in microseconds
	pause      uint32 // the longest between two in a row, in milliseconds
	wentOn     uint32 // when the first segment beside SYN and RST was captured, in milliseconds since the first packet, and 1; 0 none was
	data       uint16 // bytes on a SYN, the most
	count      uint16
	flags      craft.Flags
	hasty      bool // one came sooner after the one before than silence lets it
}

// soonestRetry is how long a client waits at least for an answer until it
// retransmits its SYN: a second (RFC 6298 §2.1), or less by inexact timers. After a
// refusal it comes sooner.
const soonestRetry = int64(900 * time.Millisecond)

// greeting is what is kept of the server's SYN-ACKs; an RST that refuses stands
// in for one.
type greeting struct {
	at       int64 // of the first
	val, ecr uint32
	ack      craft.Seq
	count    uint16
	flags    craft.Flags
	window   uint16
	ttl      uint8
	tally    synackTally
}

// synackTally counts what is odd about SYN-ACKs.
type synackTally struct {
	repeats uint8 // those that were retransmitted after the client's ACK
	unheard uint8 // of them those that do not show that the server has heard more than the SYN
	stuck   uint8 // the same after data or a FIN of the client; twice where it was after several
	nops    uint8 // the longest run of NOPs in one
}

// finKept is what is kept of the FINs of one side.
type finKept struct {
	at       uint32    // of the first one, in milliseconds since the connection's first packet
	ackedAt  uint32    // the same for what acknowledged it first
	seq, ack craft.Seq // of the first one
	bareEnd  craft.Seq // the lowest end of what acknowledged the other's FIN without being one
	top, end craft.Seq // the highest acknowledgement of what was no FIN, and the end of what had it first
	count    uint8
	acked    bool
	bare     bool
	plain    bool // top and end are set
	late     bool // the other's FIN was captured before, and acknowledges it
	again    bool // a number behind it was captured before: it is a retransmission
}

// idents are the IP identifications of one side. Most stacks count them up by
// one for each packet of a connection, so that they show where one is missing
// that used up no TCP number.
type idents struct {
	last               uint16
	steps, small, wild uint8 // by one; by a few; by anything else
	hole               bool  // at its FIN, something is missing just before
}

// few is how many packets in a row are thought to be missing at most.
const few = 16

// counted tells an end whose numbers go up by one from packet to packet, but for
// what is missing.
func (i *idents) counted() bool { return i.wild == 0 && i.steps >= max(1, i.small) }

// holed tells whether identifications show that the capture misses a packet.
func (b *Bystander) holed() bool {
	for side := range b.idents {
		if i := &b.idents[side]; i.counted() && i.small > 0 {
			return true
		}
	}
	return false
}

// longPayload is more than fits into a packet on most links, in bytes.
const longPayload = 1460

// add takes in the next packet's. One that is longer than packets are was cut
// into several by the card, each with a number of its own.
func (i *idents) add(s *craft.Segment) {
	id, fin := s.ID, s.Flags.Has(craft.FIN)
	if id == 0 {
		return
	}
	if len(s.Payload) > longPayload {
		i.last = 0
		return
	}
	step := id - i.last
	first := i.last == 0
	if early := int16(step) < 0 && int16(step) >= -few; early && !first {
		i.hole = i.hole || fin && i.counted() // what came before it in the order of sending is not known
		return
	}
	i.last = id
	switch {
	case first || step == 0:
	case step == 1:
		i.steps = min(i.steps, 254) + 1
	case step <= few:
		i.hole = i.hole || fin && i.counted()
		i.small = min(i.small, 254) + 1
	default:
		i.wild = min(i.wild, 254) + 1
	}
}

// Counts tells whether an IP identification continues the sequence of an end that numbers its
// packets by it.
func (b *Bystander) Counts(from Side, id uint16) bool {
	i := &b.idents[from]
	step := id - i.last
	return id != 0 && i.last != 0 && i.wild == 0 && step > 0 && step <= few
}

// Counted tells whether an end that numbers its packets by the IP identification has used this one
// not long ago.
func (b *Bystander) Counted(from Side, id uint16) bool {
	const recent = 256
	i := &b.idents[from]
	return id != 0 && i.last != 0 && i.wild == 0 && i.last-id < recent
}

// ttlRange is of what a server sent after its SYN-ACK, RSTs left out.
type ttlRange struct{ low, high, count uint8 }

func (r *ttlRange) add(ttl uint8) {
	if r.count == 0 {
		r.low, r.high = ttl, ttl
	}
	r.low, r.high = min(r.low, ttl), max(r.high, ttl)
	if r.count < 255 {
		r.count++
	}
}
