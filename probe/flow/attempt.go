package flow

import (
	"time"

	"synscope/craft"
	"synscope/probe/handshake"
)

// Ending says why an attempt was handed out. The zero value is AtEnd.
type Ending uint8

const (
	AtEnd   Ending = iota // the capture ended
	Idle                  // nothing came for a long time
	Reused                // another connection began on the same ports
	Crowded               // too many were followed: it had been silent longest
)

// String is the ending in a word.
func (e Ending) String() string {
	return [...]string{"end-of-capture", "idle", "reused", "crowded"}[e]
}

// Attempt is one connection attempt of a capture: what a live run would have
// said of it, and what only a bystander can say.
//
// In the embedded result, RTT is from the SYN to its answer and ServerRTT from
// the SYN-ACK to the ACK, where the capture was made. Which of them is a round
// trip, View tells: RTT in [ViewClient], ServerRTT in [ViewServer].
type Attempt struct {
	handshake.Result
	Number      uint64 // from 1, in the order of their beginnings
	First, Last uint64 // packets
	Packets     uint64 // duplicates not counted
	Duplicates  uint64
	View        View
	Ending      Ending

	// SYNToACK is from the SYN to the ACK that completes the handshake: both
	// round trips together, wherever the capture was made. Zero where one of
	// the two was not seen, or several SYNs might be meant.
	SYNToACK time.Duration
	// Repeats counts segments that were not new, for each [handshake.Side].
	Repeats [2][WindowProbe + 1]int
}

// Retransmissions is how many segments of a side were sent again.
func (a *Attempt) Retransmissions(s handshake.Side) int {
	n := a.Repeats[s]
	return n[Retransmission] + n[FastRetransmission] + n[SpuriousRetransmission]
}

// flow is a connection that is being followed.
type flow struct {
	key        key
	follower   *handshake.Follower
	attempt    Attempt
	sides      [2]side
	times      opening
	last       time.Time
	over       bool
	newer, old *flow // neighbours in the order of silence
}

// opening is the beginning of a connection, as its packets were seen.
type opening struct {
	synAt, answerAt, ackAt time.Time // the latest SYN, its first answer, the ACK after that
	synTTL, answerTTL      uint8
	synFrom, answerFrom    Direction
	accepted               bool          // the answer is a SYN-ACK, not an RST
	rtt                    time.Duration // from the latest SYN to the first ACK, as Wireshark's iRTT
}

// note takes in a segment of the opening.
func (o *opening) note(p *Packet, s *craft.Segment, from handshake.Side) {
	const kind = craft.SYN | craft.ACK | craft.RST
	synAck := s.Flags&kind == craft.SYN|craft.ACK
	switch {
	case !o.ackAt.IsZero():
	case from == handshake.Client && s.Flags&kind == craft.SYN:
		o.synAt, o.synTTL, o.synFrom = p.Time, s.TTL, p.Direction
	case from == handshake.Server && !o.accepted && (synAck || s.Flags.Has(craft.RST)):
		o.answerAt, o.answerTTL, o.answerFrom, o.accepted = p.Time, s.TTL, p.Direction, synAck
	case from == handshake.Client && s.Flags&kind == craft.ACK && o.accepted:
		o.ackAt = p.Time
		if !o.synAt.IsZero() {
			o.rtt = o.ackAt.Sub(o.synAt)
		}
	}
}
