package flow

import (
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/handshake"
)

// Ending says why an attempt was handed out. The zero value is AtEnd.
type Ending uint8

const (
	AtEnd   Ending = iota // the capture ended
	Idle                  // nothing came for a long time
	Reused                // another connection began on the same ports
	Crowded               // too many were followed: it had been silent longest
	Ongoing               // it goes on: what it has come to so far
)

// String is the ending in a word.
func (e Ending) String() string {
	return [...]string{"end-of-capture", "idle", "reused", "crowded", "going-on"}[e]
}

// ReasonEvicted is the reason of an unknown state of a connection that was
// forgotten before it was over, because too many were followed.
const ReasonEvicted probe.Reason = "evicted"

// Attempt is one connection attempt of a capture: what a live run would have
// said of it, as far as what was captured shows it, and what only a bystander
// can say.
//
// In the embedded result, RTT is from the SYN to its answer and ServerRTT from
// the SYN-ACK to the ACK, where the capture was made. Which of them is a round
// trip, View tells: RTT in [ViewClient], ServerRTT in [ViewServer].
type Attempt struct {
	handshake.Result
	Number              uint64 // from 1, in the order of their beginnings
	First, Last         uint64 // packets
	FirstFile, LastFile int    // in which these are, as in [Packet]
	Packets             uint64 // duplicates not counted
	Duplicates          uint64
	View                View
	Network             string // of the first packet, as [Packet] names it; "" none
	Ending              Ending

	// SYNToACK is from the SYN to the ACK that completes the handshake: both
	// round trips together, wherever the capture was made. Zero where one of
	// the two was not seen, or several SYNs might be meant.
	SYNToACK time.Duration
	// Repeats counts segments that were not new, for each [handshake.Side].
	Repeats [2][WindowProbe + 1]int

	// Missing names segments of the opening that were not captured although
	// they must have been sent: "SYN", "SYN-ACK".
	Missing []string
	// Gaps are holes in numbers that were acknowledged and not captured, and
	// GapBytes how many numbers are in them.
	Gaps     int
	GapBytes uint64

	// The SYN and the SYN-ACK, where both were captured.
	ClientISN, ServerISN craft.Seq
	Answered             bool      // both are known
	Asked, Heard         time.Time // when the SYN that was answered and its answer were captured
	SYNACKOptions        SYNACKOptions
}

// SYNACKOptions are what a SYN-ACK said beside its number.
type SYNACKOptions struct {
	MSS     uint16 // 0: not said
	Shift   uint8  // where Scaled
	Scaled  bool
	SACK    bool
	Stamped bool
	TSval   uint32 // where Stamped
	Window  uint16
	TTL     uint8
}

// Retransmissions is how many segments of a side were retransmitted.
func (a *Attempt) Retransmissions(s handshake.Side) int {
	n := a.Repeats[s]
	return n[Retransmission] + n[FastRetransmission] + n[SpuriousRetransmission]
}
