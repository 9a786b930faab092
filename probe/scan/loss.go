package scan

import (
	"math"

	"synscope/internal/binomial"
)

// losses measures how many transmissions go unanswered although somebody is
// there to answer: those of answered ports that came before the one answered.
// Silent ports say nothing, since a filter is silent too.
type losses struct {
	answers uint32 // ports that answered
	wasted  uint32 // transmissions to these ports before the one that was answered
	at      byTry  // of the answers
}

// byTry counts by the place of a transmission among those of its port; the few beyond the
// last count for nothing.
type byTry [8]uint16

func (b *byTry) add(try int) {
	if try < len(b) && b[try] < math.MaxUint16 {
		b[try]++
	}
}

func (b *byTry) take(try int) {
	if try < len(b) && b[try] > 0 {
		b[try]--
	}
}

func (l *losses) note(wasted int) {
	l.answers++
	l.wasted += uint32(wasted)
	l.at.add(wasted)
}

// trials is what was seen of the loss of a way: of so many transmissions to ports that answer,
// so many were lost.
type trials struct{ lost, of float64 }

// trials compares the answers to a try with those to the one after it. Of the ports that answer
// one, the share p remains for the next: so there are p times as many answers to that, however many
// ports are filtered. While some that kept silent wait for their next try, only as
// large a part of the answers counts as has had it.
func (l *losses) trials(silent *byTry) (t trials) {
	for k := range len(l.at) - 1 {
		tried := 1.0
		if n := silent[k]; n > 0 {
			tried = min(1, (float64(l.at[k+1])+float64(silent[k+1]))/float64(n))
		}
		t.of += tried * float64(l.at[k])
		t.lost += float64(l.at[k+1])
	}
	return t
}

const (
	// priorWeight is how many transmissions what is known from elsewhere is worth
	// beside a host's own.
	priorWeight = 8
	// priorLoss is the loss of a network of which nothing is known.
	priorLoss = 0.02
	// mostLoss is what a share is taken to be at most: somebody did answer.
	mostLoss = 0.95
	// missed is the share of a lossy host's open ports that may be taken for
	// filtered; attempts are as many as it takes to stay below.
	missed = 0.0005
	// missedLast is that of the last few ports, a lastShare of those that have answered, where as much is lost as muchLost.
	missedLast = missed / 10
	lastShare  = 50
	muchLost   = 0.1
	// silentAttempts are those of a port of a host that answered nothing at all.
	silentAttempts = 2
	// mostByErrors are those to which errors of the host may add up: it may limit them,
	// so that they tell less of the way than segments do.
	mostByErrors = 3
	// fewPorts is up to how many ports of a host one more attempt costs little.
	fewPorts = 8
)

// share is the probability that a transmission goes unanswered, the prior
// counting for priorWeight of them.
func (t trials) share(prior float64) float64 {
	return min((t.lost+prior*priorWeight)/(t.of+priorWeight), mostLoss)
}

// noteLoss takes in that a port answered an attempt, on the way to its host and on the way
// of all.
func (e *engine) noteLoss(f *flight, attempt int) {
	h := f.host
	before := h.losses.trials(&h.silent)
	f.unnoteSilence(attempt)
	try := e.lostBefore(f, attempt)
	h.losses.note(try)
	e.losses.note(try)
	now := h.losses.trials(&h.silent)
	e.seen.lost += now.lost - before.lost
	e.seen.of += now.of - before.of
}

// lostBefore is how many transmissions of a probe were lost before an attempt: not those
// that left while the host was away, and none where something else than silence has come
// of them, an old connection or a router to which they were too large.
func (e *engine) lostBefore(f *flight, attempt int) int {
	if f.outcome.Renewed() || bool(f.outcome.Small()) {
		return 0
	}
	first := e.firstAttempt(f)
	return attempt - first - (f.inGaps(attempt) - f.inGaps(first))
}

// noteSilence takes in that the latest transmission of a probe was not answered in time.
func (e *engine) noteSilence(f *flight) {
	n := len(f.tx)
	if f.watches || f.canary || f.rechecks || int(f.noted) >= n || f.inGap(n-1) {
		return
	}
	f.noted = uint8(n)
	h := f.host
	before := h.losses.trials(&h.silent)
	h.silent.add(n - 1 - f.inGaps(n-1))
	e.seen.of += h.losses.trials(&h.silent).of - before.of
}

// unnoteSilence takes it back of the transmission that was answered late, and of those after it: nobody
// knows whether they would have been.
func (f *flight) unnoteSilence(attempt int) {
	for i := attempt; i < int(f.noted); i++ {
		f.host.silent.take(i - f.inGaps(i))
	}
	f.noted = min(f.noted, uint8(attempt))
}

// attemptsAt is how many transmissions leave a port unanswered by mere loss with
// the probability missed, at least two.
func attemptsAt(share float64) int { return max(2, binomial.Trials(share, missed)) }

// confidence is how sure silence is after that many transmissions.
func confidence(share float64, attempts int) float64 {
	return 1 - math.Pow(share, float64(attempts))
}
