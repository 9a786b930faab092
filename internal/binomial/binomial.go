// Package binomial has what is asked about k of n trials of which each succeeds
// with probability p.
package binomial

import "math"

// LogChoose is the natural logarithm of the number of ways to choose k of n, -Inf
// where there is none.
func LogChoose[N int | uint64](n, k N) float64 {
	if k > n {
		return math.Inf(-1)
	}
	return logFactorial(n) - logFactorial(k) - logFactorial(n-k)
}

func logFactorial[N int | uint64](n N) float64 {
	v, _ := math.Lgamma(float64(n) + 1)
	return v
}

// UpperTail is the probability of at least k successes in n trials.
func UpperTail(n, k int, p float64) (sum float64) {
	for i := max(k, 0); i <= n; i++ {
		sum += exactly(n, i, p)
	}
	return min(sum, 1)
}

// atMost is the probability of at most k successes in n trials.
func atMost(n, k int, p float64) (sum float64) {
	for i := range k + 1 {
		sum += exactly(n, i, p)
	}
	return sum
}

func exactly(n, k int, p float64) float64 {
	return math.Exp(LogChoose(n, k) + times(k, math.Log(p)) + times(n-k, math.Log1p(-p)))
}

// times is n·log, and 0 for none of what is impossible.
func times(n int, log float64) float64 {
	if n == 0 {
		return 0
	}
	return float64(n) * log
}

// Trials is how many trials all fail with a probability of no more than all, where
// each fails with probability share: [math.MaxInt32] where each always does.
func Trials(share, all float64) int {
	switch {
	case share <= 0:
		return 1
	case share >= 1:
		return math.MaxInt32
	}
	return int(min(math.Ceil(math.Log(all)/math.Log(share)), math.MaxInt32))
}

// FailAgain is the probability that n more trials all fail after some have failed and others have not, where nothing else is
// known of p (the beta-binomial distribution, with Jeffreys' prior of half a failure and half a success).
func FailAgain(n, failed, succeeded int) float64 {
	before, _ := math.Lgamma(float64(failed) + 0.5)
	after, _ := math.Lgamma(float64(failed+n) + 0.5)
	all, _ := math.Lgamma(float64(failed+succeeded) + 1)
	more, _ := math.Lgamma(float64(failed+succeeded+n) + 1)
	return math.Exp(after - before + all - more)
}

// UpperBound is the greatest p of which k successes or fewer in n trials would still
// be seen with probability 1-level: the one-sided bound of Clopper and Pearson ("The
// use of confidence or fiducial limits illustrated in the case of the binomial",
// Biometrika 26, 1934). It is 1 where there were no trials, or no failures.
func UpperBound(n, k int, level float64) float64 {
	if n == 0 || k >= n {
		return 1
	}
	low, high := 0.0, 1.0
	for range 60 { // as fine as a float64
		p := (low + high) / 2
		if atMost(n, k, p) > 1-level {
			low = p
		} else {
			high = p
		}
	}
	return high
}

// Interval are the shares of successes that k of n are compatible with, z standard
// deviations each way: the score interval of Wilson (Journal of the American Statistical
// Association 22, 1927). It is all of them where there were no trials.
func Interval(n, k, z float64) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	p, slack := k/n, z*z/n
	middle := p + slack/2
	half := z * math.Sqrt((p*(1-p)+slack/4)/n)
	return max(0, (middle-half)/(1+slack)), min(1, (middle+half)/(1+slack))
}
