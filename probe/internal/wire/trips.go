package wire

import "time"

// A SYN-ACK that took a second or more is either an answer over a long way, or the retransmission
// of one that was lost; the time of a retransmission is no round trip (Karn's algorithm, RFC 6298
// §3). That other SYN-ACKs took as long proves nothing: the first of each may have been lost. Three
// things do tell: an answer that is never retransmitted; a SYN-ACK that came sooner than any
// retransmission; or what the far end does next. If our RST reaches it after its retransmission
// timeout, the same SYN-ACK comes once more: one timeout later (RFC 6298 §2.1) if the one that we
// had was the first, twice as much later if the first was lost (§5.5).

const (
	// repeatedRTO is a little less than the second after which the far end
	// retransmits a SYN-ACK (RFC 6298 §2.1).
	repeatedRTO = 900 * time.Millisecond
	// firstRTO is how long after the first SYN-ACK the second comes at most: one and a half times
	// the second, since the third comes two after that.
	firstRTO = 1500 * time.Millisecond
	// jitter is how much less than the wait for our RST the round trip may have been.
	jitter = 100 * time.Millisecond
)

// Trips is what is known of the round trips of a way. The zero value is nothing.
type Trips struct {
	sure time.Duration // the least time of an answer that was no retransmission; 0: none came
}

// Takes takes note of how long an answer took that is no retransmission: an RST or an ICMP error is
// sent once.
func (x *Trips) Takes(took time.Duration) {
	if took > 0 && (x.sure == 0 || took < x.sure) {
		x.sure = took
	}
}

// Doubts tells whether a SYN-ACK that took so long may be a retransmission, so that its time is
// not to be claimed.
func (x *Trips) Doubts(took time.Duration) bool {
	if Repeats(took, x.sure) {
		return true
	}
	x.Takes(took)
	return false
}

// Repeats is Doubts where the way is known from one answer that was no retransmission and took so
// long; 0: there is none.
func Repeats(took, usual time.Duration) bool { return took-usual > repeatedRTO }

// Again takes note that a SYN-ACK that took so long came again after a while, and tells whether
// that shows that it was the first: the RST for it took longer than the far end waits.
func (x *Trips) Again(took, after time.Duration) bool {
	first := after >= lostAfter && after < firstRTO && took >= after-jitter
	if first {
		x.Takes(took)
	}
	return first
}
