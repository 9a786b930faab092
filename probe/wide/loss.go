package wide

import (
	"math"
	"time"

	"synscope/internal/binomial"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// DefaultMostRetries bounds the probes of a target where they follow the loss: with
// 40 % of loss each way twelve miss half a per cent.
const DefaultMostRetries = 11

const (
	// missed is the share of open ports that loss alone may hide; the probes of a
	// target are as many as it takes to stay below.
	missed = 0.001
	// priorLoss is the loss of a network of which nothing is known, and priorTrials
	// how many trials that counts for.
	priorLoss   = 0.02
	priorTrials = 8
	// enoughOpen is how many trials of open ports tell the loss without the others:
	// RSTs are limited by many hosts, SYN-ACKs by few.
	enoughOpen = 20
	// enoughToCease is how many trials it takes to believe that less is lost.
	enoughToCease = 200
	// enoughToBeExact is how many trials tell the loss exactly enough. Of fewer, once
	// enoughToDoubt were lost, it may be greater by so many standard deviations: where
	// few ports are open, each of them is much, and one more probe little.
	enoughToBeExact = 500
	enoughToDoubt   = 2
	deviations      = 1.65
	// A measurement is of the latest trials: of windowTrials at least, over windowTime
	// at least.
	windowTrials = 1000
	windowTime   = 10 * time.Second
)

// trials counts probes of targets that are known to answer.
type trials struct{ open, openLost, other, otherLost float64 }

func (t trials) plus(u trials) trials {
	return trials{t.open + u.open, t.openLost + u.openLost, t.other + u.other, t.otherLost + u.otherLost}
}

// count and lost are those that tell the loss.
func (t trials) count() (n, lost float64) {
	if t.open >= enoughOpen {
		return t.open, t.openLost
	}
	return t.open + t.other, t.openLost + t.otherLost
}

// share is the probability that a probe goes unanswered by a target that answers.
func (t trials) share() float64 {
	n, lost := t.count()
	return (lost + priorLoss*priorTrials) / (n + priorTrials)
}

// most is the greatest share that the trials allow for, at 95 %.
func (t trials) most() float64 {
	n, lost := t.count()
	share := t.share()
	if n >= enoughToBeExact || lost < enoughToDoubt {
		return share
	}
	return share + deviations*math.Sqrt(share*(1-share)/(n+priorTrials))
}

// losses measures how many probes go unanswered although the target answers. Every
// target gets every probe, whether it has answered or not. So whoever answers an
// attempt tells whether the attempt before was answered: a trial whose outcome does
// not depend on what it is counted for (capture and recapture), where the first
// answers alone would leave out the targets that were never heard.
type losses struct {
	latest, before  trials
	began, previous time.Duration // of the windows latest and before
}

// note takes in a verified answer to an attempt, of a target of which latest was
// the highest attempt that had been answered, counted from 1.
func (l *losses) note(r wire.Rank, attempt, latest int, now time.Duration) {
	l.add(trialOf(r, attempt, latest), now)
}

func trialOf(r wire.Rank, attempt, latest int) (t trials) {
	if attempt < 1 || attempt > mostLatest || attempt < latest || r < wire.RankReset {
		return t
	}
	lost := 0.0
	if latest != attempt {
		lost = 1
	}
	if r == wire.RankOpen {
		return trials{open: 1, openLost: lost}
	}
	return trials{other: 1, otherLost: lost}
}

func (l *losses) add(t trials, now time.Duration) {
	l.latest = l.latest.plus(t)
	if n := l.latest.open + l.latest.other; n >= windowTrials && now-l.began >= windowTime {
		l.before, l.previous = l.latest, l.began
		l.latest, l.began = trials{}, now
	}
}

// measured are the latest trials, and since when they have been made.
func (l *losses) measured() (t trials, since time.Duration) {
	return l.latest.plus(l.before), l.previous
}

// attemptsAt is how many probes leave a target unanswered by mere loss with the
// probability missed, two at least.
func attemptsAt(share float64) int { return max(2, binomial.Trials(share, missed)) }

// needs is how many probes the loss asks for.
func (l *losses) needs() int {
	t, _ := l.measured()
	return attemptsAt(t.share())
}

// loss is what was measured.
func (l *losses) loss() probe.HostLoss {
	t, _ := l.measured()
	n, lost := t.count()
	return probe.HostLoss{Sent: uint64(n), Unanswered: uint64(lost)}
}

// confidence is how sure silence is after that many probes; 0 where no loss could be
// measured.
func (l *losses) confidence(attempts int) float64 {
	t, _ := l.measured()
	if n, _ := t.count(); n == 0 {
		return 0
	}
	return 1 - math.Pow(t.share(), float64(attempts))
}

// passesFor is how many probes a target is to get, of which it gets now: more as
// soon as loss shows, fewer once it has surely gone.
func (l *losses) passesFor(now, least, most int) int {
	t, _ := l.measured()
	wanted := min(max(attemptsAt(t.most()), least), most)
	if wanted >= now {
		return wanted
	}
	n, _ := t.count()
	if careful := min(max(attemptsAt(1.5*t.share()), least), most); n >= enoughToCease && careful < now {
		return careful
	}
	return now
}
