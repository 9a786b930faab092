package handshake

import (
	"time"

	"synscope/craft"
	"synscope/probe/rtt"
)

// minRTO is Linux's floor (TCP_RTO_MIN); RFC 6298 §2.4 would have a second.
const minRTO = 200 * time.Millisecond

// rto is the retransmission timeout of RFC 6298. Segments that were retransmitted
// are not timed (Karn's algorithm, §3).
type rto struct {
	rtt.Smoothed
	first  time.Duration // before any sample, §2.1
	tries  int           // retransmissions since something was acknowledged
	timing bool
	end    craft.Seq // the acknowledgement that ends the timed segment
	since  time.Duration
	least  time.Duration // of any sample but the SYN's; 0: none
}

func newRTO(first time.Duration) rto { return rto{first: first} }

// current is the timeout in force: doubled for each try, up to eight times the
// first (§5.5).
func (r *rto) current() time.Duration {
	base := r.first
	if r.Known() {
		base = max(r.Timeout(), minRTO)
	}
	return min(base<<min(r.tries, 16), 8*r.first)
}

// timed begins to time a segment that is sent for the first time.
func (r *rto) timed(end craft.Seq, now time.Duration) {
	if !r.timing {
		r.timing, r.end, r.since = true, end, now
	}
}

func (r *rto) backOff() {
	r.tries++
	r.timing = false
}

// answered takes the time of the SYN.
func (r *rto) answered(now time.Duration) {
	if r.timing {
		r.timing = false
		r.Sample(now - r.since)
	}
}

// sampleFor takes the time of the timed segment if ack acknowledges it.
func (r *rto) sampleFor(ack craft.Seq, now time.Duration) {
	if !r.timing || !r.end.LessThanEq(ack) {
		return
	}
	if took := now - r.since; r.least == 0 || took < r.least {
		r.least = took
	}
	r.answered(now)
}
