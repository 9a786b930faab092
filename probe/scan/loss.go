package scan

import "math"

// losses measures how many transmissions go unanswered although somebody is
// there to answer: those of answered ports that came before the one answered.
// Silent ports say nothing, since a filter is silent too.
type losses struct {
	answers uint32 // ports that answered
	wasted  uint32 // transmissions to these ports before the one that was answered
}

func (l *losses) note(wasted int) {
	l.answers++
	l.wasted += uint32(wasted)
}

const (
	// priorWeight is how many answers what is known from elsewhere is worth
	// beside a host's own.
	priorWeight = 8
	// priorLoss is the loss of a network of which nothing is known.
	priorLoss = 0.02
	// missed is the share of a lossy host's open ports that may be taken for
	// filtered; attempts are as many as it takes to stay below.
	missed = 0.0005
	// silentAttempts are those of a port of a host that answered nothing at all.
	silentAttempts = 2
	// mostByErrors are those to which errors of the host may add up: it may limit them,
	// so that they tell less of the way than segments do.
	mostByErrors = 3
	// fewPorts is up to how many ports of a host one more attempt costs little.
	fewPorts = 8
)

// share is the probability that a transmission goes unanswered, the prior
// counting for weight answers.
func (l *losses) share(prior, weight float64) float64 {
	return (float64(l.wasted) + prior*weight) / (float64(l.answers+l.wasted) + weight)
}

// attemptsAt is how many transmissions leave a port unanswered by mere loss with
// the probability missed, at least two.
func attemptsAt(share float64) int {
	if share >= 0.99 {
		return math.MaxInt32
	}
	return max(2, int(math.Ceil(math.Log(missed)/math.Log(share))))
}

// confidence is how sure silence is after that many transmissions.
func confidence(share float64, attempts int) float64 {
	return 1 - math.Pow(share, float64(attempts))
}
