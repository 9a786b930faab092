package scan

import "time"

// limiter paces the probes of one host. It is open until there is evidence that the host, or
// something near it, answers at a limited rate (RFC 1812 §4.3.2.8 asks routers for such limits,
// Linux has them for RST and ICMP): answers that come only to repeated probes. Silence is no
// evidence, since a filter is silent too.
//
// Then the host gets as many probes as it was seen to answer in that time, as from a sender that
// measures the bottleneck of its path. If no larger share of the probes is answered at the lower
// rate, the loss is that of the path and sending less does not help: the limiter opens again, and
// stays open until more is lost.
//
// A nil limiter is open: it stands for a host with one port, which never gives enough answers.
type limiter struct {
	rate    float64       // probes a second; 0: open
	due     time.Duration // when the next probe may leave
	changed time.Duration // when the rate was changed: what was sent before proves nothing of it
	epoch   time.Duration // when the count began
	first   int32         // answers of this epoch to the first probe sent since the change
	rescued int32         // and to later ones
	sent    int32         // probes of this epoch
	seen    float64       // answers a second at the latest cut
	plateau float64       // answers a second before the rate was last raised; 0: it was not
	hold    time.Duration // until then it is not raised
	ceiling float64       // a rate that brought no more answers, or too few; 0: none is known
	before  float64       // the share of probes that was answered before the last cut; 0: there was none, or it has helped
	shut    time.Duration // until then a queue drains; see backlog.go
	futile  float64       // the share of loss that no lower rate changed; 0: none
	kept    bool          // the rate is known to pass, from questions to ports that answer: see slow_host.go
	easing  time.Duration // for how long it is kept to before it is doubled, 0: forever; see ban.go
	eased   time.Duration // since when
}

const (
	minEpoch     = 100 * time.Millisecond
	maxEpoch     = time.Second
	epochAnswers = 8   // as many make an epoch
	minRescued   = 4   // fewer prove nothing
	muchRescued  = 0.3 // share from which something limits: a path that loses 10 % each way shows 0.19
	fewRescued   = 0.1
	minRate      = 4.0             // probes a second
	worthwhile   = 1.25            // times as large a share must be answered at a lower rate, or it does not help
	openRate     = 20_000          // above it the limiter opens
	holdRaised   = 2 * time.Second // after a try that brought no more answers
	limiterSlack = 50 * time.Millisecond

	// limiterGathers is for how long the probes of a limited host wait for each other.
	limiterGathers = 1500 * time.Microsecond
)

// room tells whether one more probe may leave.
func (l *limiter) room(now time.Duration) bool { return l == nil || now >= l.opens() }

// opens is when the next probe may leave.
func (l *limiter) opens() time.Duration {
	if l.rate == 0 {
		return l.shut
	}
	return max(l.due, l.shut)
}

// since is when the rate was changed last.
func (l *limiter) since() time.Duration {
	if l == nil {
		return 0
	}
	return l.changed
}

// depart books a probe that leaves.
func (l *limiter) depart(now time.Duration) {
	if l == nil {
		return
	}
	l.sent++
	if l.rate > 0 {
		if !l.kept {
			l.unbind(now)
		}
		l.ease(now)
	}
	if l.rate > 0 {
		interval := time.Duration(float64(time.Second) / l.rate)
		l.due = max(l.due, now-l.slack(interval)) + interval
	}
}

// slack is how late a probe may be without being made up for: what lets through so many SYNs may have no room
// for two.
func (l *limiter) slack(interval time.Duration) time.Duration {
	if l.kept {
		return min(limiterSlack, interval/2)
	}
	return limiterSlack
}

// unbind raises a rate at which hardly anything is answered: a host that answered more
// before is not held back by its limit now, but most of its ports are silent, and what
// it took for one may be loss.
func (l *limiter) unbind(now time.Duration) {
	lasted, n := now-l.epoch, l.first+l.rescued
	if lasted < maxEpoch/2 || lasted < 2*maxEpoch && n > 0 || l.sent < epochAnswers || 4*n >= l.sent || float64(n)/lasted.Seconds() >= l.seen/2 {
		return
	}
	if l.rate *= 2; l.rate > openRate {
		l.rate, l.changed = 0, now
	}
	l.plateau, l.epoch, l.first, l.rescued, l.sent = 0, now, 0, 0, 0
}

// answered takes note of an answer; wasted is how many probes of that port went
// unanswered since the rate was changed.
func (l *limiter) answered(wasted int, now, rtt time.Duration) {
	if l == nil || l.kept {
		return
	}
	if wasted == 0 {
		l.first++
	} else {
		l.rescued++
	}
	l.turn(now, rtt)
}

// turn ends an epoch that has lasted long enough, and draws its lesson.
func (l *limiter) turn(now, rtt time.Duration) {
	lasted, n := now-l.epoch, l.first+l.rescued
	if lasted < max(rtt, minEpoch) || n < epochAnswers && lasted < maxEpoch {
		return
	}
	share := float64(l.rescued) / float64(max(n, 1))
	answered := float64(n) / lasted.Seconds()
	success := float64(n) / float64(max(l.sent, n, 1))
	switch {
	case l.rescued >= minRescued && share >= muchRescued && !l.answersMost(n):
		l.cut(share, success, answered, now)
	case l.rate > 0 && share <= fewRescued && float64(l.sent) > 0.7*l.rate*lasted.Seconds():
		l.raise(answered, now)
	}
	if l.rate > 0 && l.answersMost(n) {
		l.before = 0 // the cut has helped
	}
	l.epoch, l.first, l.rescued, l.sent = now, 0, 0, 0
}

// answersMost tells whether most of what was sent at a limited rate is answered.
func (l *limiter) answersMost(n int32) bool { return l.rate > 0 && float64(n) >= 0.7*float64(l.sent) }

// cut lowers the rate to what was answered, or gives that up as futile.
func (l *limiter) cut(share, success, answered float64, now time.Duration) {
	switch {
	case share <= 1.25*l.futile:
		return
	case l.before > 0 && success < worthwhile*l.before:
		l.rate, l.futile, l.before = 0, share, 0
	case l.rate == 0:
		l.rate, l.before = max(answered, minRate), success
	default:
		l.rate, l.ceiling = max(min(answered, l.rate), minRate), l.rate
	}
	l.changed, l.due, l.seen = now, now, answered
}

// raise tries a higher rate, unless the last try brought no more answers: twice as
// high while it stays below what is known to be too high, since a rate that was cut
// while this machine or the path was busy may be far too low.
func (l *limiter) raise(answered float64, now time.Duration) {
	switch {
	case l.plateau > 0 && answered < 1.1*l.plateau:
		l.ceiling = l.rate
		l.rate, l.plateau, l.hold = max(l.plateau, minRate), 0, now+holdRaised
		return
	case now < l.hold:
		return
	}
	l.plateau = answered
	factor := 1.25
	if l.ceiling == 0 || 2*l.rate < l.ceiling {
		factor = 2
	}
	if l.rate *= factor; l.rate > openRate {
		l.rate, l.changed = 0, now
	}
}
