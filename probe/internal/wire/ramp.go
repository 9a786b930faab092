package wire

import (
	"math"
	"time"

	"synscope/netraw"
	"synscope/probe"
)

// Ramp is the rate of a run whose caller named none: it begins gently, grows while nothing is lost,
// and is cut while many answers, of whatever hosts, come only to repeated probes: then the loss is
// on the part of the way that all share.
//
// The bounds depend on where the packets go. RoutedRate is what a home router's connection tracking
// and uplink survive; a link of our own carries more. They bound probes that nobody answers: an
// answer closes the entry that its probe made, and shows that the way carries both, so each answer
// lets one more probe leave.
type Ramp struct {
	Rate           float64
	bound          float64
	Changed        time.Duration // when the rate was cut
	epoch, able    time.Duration // when the epoch began, and what the pace had had by then
	sent           uint64        // of the whole run, when the epoch began
	first, rescued int32
	queued         time.Duration // when a queue was last seen, or the rate raised after it; 0: none was
}

const (
	rampEpoch   = 25 * time.Millisecond
	rampQuick   = 2 * time.Millisecond // the shortest epoch, where many answers come
	rampMany    = 8                    // as many
	lowestRate  = 200.0
	leastQueued = 4.0 // packets a second, behind the slowest link

	rampEvidence = 16  // rescued answers; fewer prove nothing
	muchRescued  = 0.3 // share from which the rate is cut: 10 % of loss each way show 0.19
	fewRescued   = 0.1

	queueHold  = 500 * time.Millisecond // after a queue, between attempts to send more
	queueRaise = 1.25
	mostFall   = 0.75 // in one epoch that a busy machine left without answers
	mostAhead  = 2    // times as many packets as are answered, where the machine is behind the rate
)

func NewRamp() *Ramp { return &Ramp{Rate: probe.FirstRate, bound: probe.LocalRate} }

// Towards lowers the bound to what a route allows.
func (r *Ramp) Towards(route netraw.Route) {
	switch {
	case route.Local:
	case !route.NextHop.IsValid():
		r.bound = min(r.bound, probe.LinkRate)
	default:
		r.bound = min(r.bound, probe.RoutedRate)
	}
}

// Answered takes note of an answer; wasted is how many probes of that port went
// unanswered since the rate was cut.
func (r *Ramp) Answered(wasted int) {
	if wasted == 0 {
		r.first++
	} else {
		r.rescued++
	}
}

// Queued makes the rate what a queue on the way lets pass.
func (r *Ramp) Queued(rate float64, now time.Duration) {
	r.Rate, r.queued = max(min(rate, r.Rate), leastQueued), max(now, 1)
}

// over tells whether an epoch has lasted long enough: the sooner the answers come the
// shorter, but never less than two round trips.
func (r *Ramp) over(now, rtt time.Duration) bool {
	least := rampEpoch
	if r.first+r.rescued >= rampMany && rtt > 0 {
		least = min(max(2*rtt, rampQuick), rampEpoch)
	}
	return now-r.epoch >= least
}

// Turn ends an epoch, and tells whether the rate is another now; able is for how long
// it could be used so far, sent is what has left, rtt the slowest round trip of those
// who answer, 0 if none did. A rate that was not used is no evidence for a higher one.
func (r *Ramp) Turn(now, able time.Duration, sent uint64, rtt time.Duration) (changed bool) {
	if !r.over(now, rtt) {
		return false
	}
	before, lasted := r.Rate, max(able-r.able, time.Millisecond).Seconds()
	used := float64(sent-r.sent) >= r.Rate*lasted/2
	n := r.first + r.rescued
	bound := r.bound + r.answered(n, sent-r.sent, lasted)
	switch share := float64(r.rescued) / float64(max(n, 1)); {
	case r.rescued >= rampEvidence && share >= muchRescued:
		r.Rate, r.Changed = max(r.Rate/2, min(lowestRate, r.Rate)), now
	case !used:
	case r.queued > 0 && now-r.queued < queueHold:
	case r.queued > 0:
		r.Rate, r.queued = r.Rate*queueRaise, now
	case n == 0:
		r.Rate *= 1.25 // silence: nothing is known to be lost
	case share <= fewRescued:
		r.Rate *= 2
	}
	fall := math.Pow(mostFall, min((now-r.epoch).Seconds()/rampEpoch.Seconds(), 1))
	r.Rate = min(r.Rate, max(bound, before*fall), probe.LocalRate)
	r.epoch, r.able, r.sent, r.first, r.rescued = now, able, sent, 0, 0
	return r.Rate != before
}

// answered is how many answers a second would come if all packets left that the rate allows: the same
// share of them as of those that did. A machine that is behind the rate gets fewer answers, though no more packets
// stay unanswered; a bound by its answers alone would follow it down. But the rate does not go far ahead of it.
func (r *Ramp) answered(answers int32, sent uint64, lasted float64) float64 {
	behind := r.Rate * lasted / float64(max(sent, 1))
	return float64(answers) / lasted * min(max(behind, 1), mostAhead)
}

// SilentSpan is how long a ramp of that bound takes for so many packets that nobody
// answers, and the longest time there is where that is too long for one.
func SilentSpan(packets uint64, bound float64) time.Duration {
	r := Ramp{Rate: probe.FirstRate, bound: min(bound, probe.LocalRate)}
	now, sent := time.Duration(0), 0.0
	for r.Rate < r.bound && sent+r.Rate*rampEpoch.Seconds() < float64(packets) {
		sent += r.Rate * rampEpoch.Seconds()
		now += rampEpoch
		r.Turn(now, now, uint64(sent), 0)
	}
	all := float64(now) + (float64(packets)-sent)/r.Rate*float64(time.Second)
	if all >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(all)
}
