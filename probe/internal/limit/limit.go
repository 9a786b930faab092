// Package limit finds the pace that passes something on the way which lets through so many
// packets a second and drops the rest: a token bucket, a policer, a limit of SYNs or RSTs.
//
// What is lost at random is lost at any pace; of what leaves at a lower pace a limit lets
// through a larger share. So a [Trial] asks what has answered before once more, at a pace
// lower step by step, and tells which of the two it is. Where a limit lets through r packets
// a second and a share s of what leaves at a pace p passes, r is p·s, since its bucket is empty.
//
// The package knows no clock and sends nothing.
package limit

import (
	"math"
	"slices"
	"time"

	"synscope/internal/binomial"
)

const (
	// Well is the share with which a pace is right.
	Well = 0.85
	// Lowest is the lowest pace, in packets a second, that is tried.
	Lowest = 4.0

	// mostDoubled times as many questions are asked where it is not sure that more passes.
	mostDoubled = 4

	surely     = 2 // standard deviations
	mostSurely = 3
)

// Mostly tells whether surely a share of at least so much was lost, whatever chance has
// made of so few.
func Mostly(n, lost, share float64) bool {
	low, _ := binomial.Interval(n, lost, surely)
	return n > 0 && low >= share
}

// Outcome is what a trial has come to.
type Outcome uint8

const (
	Undecided Outcome = iota
	Limited           // a lower pace passes
	Lossy             // no pace does: the loss is the way's
)

const (
	stepMost   = 30     // questions that tell of one pace
	stepLeast  = 6      // and where few may be asked
	plateau    = 3.0    // times as high a pace is a much higher one
	telling    = 16     // questions before
	clearly    = 2.0    // times as large a share
	stepsAtAll = 6      // for which the questions have to last
	mostFall   = 4.0    // of the pace in one step
	first      = 1000.0 // packets a second, at most
	hardlyMore = 1.5    // times the share before: a limit lets through as much more as the pace is lower
	watched    = 12     // questions, at least, tell whether a pace has become too high

	mostWatched = 3 * watched // of the latest

	filled      = 3    // steps' questions after a quiet time
	mostSkipped = 4    // steps' questions at the beginning of one
	longest     = 1.0  // seconds of questions decide a step
	slowest     = 12   // but no fewer
	worthwhile  = 0.4  // of what leaves, at least, passes at a pace that is worth keeping to
	enough      = 4    // answers: fewer tell nothing
	margin      = 0.95 // of what passes
	hardlyLost  = 0.97
)

// Trial looks for the pace. Questions are asked at [Trial.Rate] while it is undecided.
type Trial struct {
	rate     float64
	size     int // questions that decide a step
	most     int // that may be asked in one
	skip     int // of the step under way, so many empty the bucket first
	steps    []measured
	at       []bool    // whether the questions of this step were answered
	sent     []float64 // when they left, in seconds
	first    int       // number of the first of them
	improved bool
	plain    bool     // what is lost at the pace that was found is lost at random
	full     measured // at the full pace
}

// Begin tries lower paces than the full one, at which so many of those asked were lost; most is how many
// questions may be asked.
func Begin(full float64, asked, lost, most int) *Trial {
	size := max(min(stepMost, most/stepsAtAll), stepLeast)
	fall := mostFall
	if most < stepMost*mostFall { // which is not enough for many steps
		fall *= mostFall
	}
	before := measured{full, float64(asked), float64(asked - lost)}
	return &Trial{rate: max(min(full/fall, first), Lowest), size: size, skip: size / 2, most: most / stepsAtAll, full: before}
}

// AfterQuiet begins where the bucket has filled: the first questions empty it, and tell nothing.
func (t *Trial) AfterQuiet() { t.skip = filled * t.size }

// At follows a pace that was found before, in packets a second.
func At(rate float64) *Trial { return &Trial{rate: max(rate, Lowest), size: watched, improved: true} }

// Rate is the pace to ask at, in packets a second.
func (t *Trial) Rate() float64 { return t.rate }

// Wants tells whether a question more tells of this pace, or keeps a bucket empty until it is
// the next one's turn.
func (t *Trial) Wants() bool { return len(t.at) < max(t.skip+t.decide(), t.most) }

// decide is how many questions decide the step under way: at a low pace fewer, or it would last.
func (t *Trial) decide() int { return min(t.size, max(slowest, int(longest*t.rate))) }

// Ask books a question that leaves, and returns its number.
func (t *Trial) Ask(now time.Duration) int {
	t.at, t.sent = append(t.at, false), append(t.sent, now.Seconds())
	return t.first + len(t.at) - 1
}

// Answer takes in the answer to a question; one to a question of another pace tells nothing.
func (t *Trial) Answer(number int) {
	if at := number - t.first; at >= 0 && at < len(t.at) {
		t.at[at] = true
	}
}

// Turn looks at the questions that have waited long enough for an answer. While it is
// Undecided, the pace may be another now.
func (t *Trial) Turn(now, wait time.Duration) Outcome {
	asked, passed := t.over(now, wait, t.skip)
	if asked < t.decide() || t.empties(now, wait) {
		return Undecided
	}
	return t.step(float64(asked), float64(passed))
}

// empties tells whether a bucket that had filled before this step was still being emptied
// by its first questions: then these tell nothing.
func (t *Trial) empties(now, wait time.Duration) bool {
	half := t.skip + t.decide()/2
	all, early, late := 0, 0, 0
	all, _ = t.over(now, wait, t.skip)
	for i := t.skip; i < t.skip+all; i++ {
		switch {
		case !t.at[i]:
		case i < half:
			early++
		default:
			late++
		}
	}
	if early-late < max(stepLeast/2, t.decide()/6) || t.skip >= mostSkipped*t.decide() {
		return false
	}
	t.skip = half
	return true
}

// over counts the questions after the first few that have waited long enough.
func (t *Trial) over(now, wait time.Duration, skip int) (asked, passed int) {
	for i := skip; i < len(t.at) && t.sent[i]+wait.Seconds() <= now.Seconds(); i++ {
		asked++
		if t.at[i] {
			passed++
		}
	}
	return asked, passed
}

// Spent ends a trial that may ask no more: by what was seen so far, which may be little.
func (t *Trial) Spent() Outcome {
	if n := len(t.steps); n > 1 && !t.improved {
		last, before := t.steps[n-1], t.above(t.steps[n-1].rate*2)
		t.improved = last.passed >= 2 && last.passed/last.asked >= clearly*before.passed/max(before.asked, 1)
	}
	if t.improved {
		return Limited
	}
	return Lossy
}

// level ends a trial whose lower paces pass no more than the higher ones do: with the highest of which it is not
// sure that less passes than at this one.
func (t *Trial) level(now measured) Outcome {
	if !t.improved || now.passed < worthwhile*now.asked {
		return Lossy
	}
	t.plain = true
	rate := now.rate
	for _, s := range slices.Backward(t.steps) {
		if !now.moreThan(s, surely) {
			rate = s.rate
		}
	}
	t.move(rate)
	return Limited
}

// step draws the lesson of one pace.
func (t *Trial) step(asked, passed float64) Outcome {
	share := passed / asked
	now := measured{t.rate, asked, passed}
	t.improved = t.improved || now.moreThan(t.above(now.rate*2), surely) || now.moreThan(t.full, mostSurely)
	switch {
	case share >= Well && !t.improved && t.full.asked > 0:
		return t.doubt()
	case share >= Well:
		t.keep(share)
		return Limited
	case now.hardlyMoreThan(t.above(now.rate * plateau)), t.rate <= Lowest:
		return t.level(now)
	}
	t.steps = append(t.steps, now)
	t.move(t.rate * max(share*margin, 1/mostFall))
	return Undecided
}

// doubt asks more at a pace that passes, though not surely a larger share of it than did at the full one: what
// was lost then may have been lost at random.
func (t *Trial) doubt() Outcome {
	if t.size >= stepMost*mostDoubled {
		return Lossy
	}
	t.size, t.most = 2*t.size, max(t.most, t.skip+2*t.size)
	return Undecided
}

// measured is what was asked at a pace, and answered.
type measured struct{ rate, asked, passed float64 }

// above is what was measured at a pace and above it.
func (t *Trial) above(least float64) (m measured) {
	for _, s := range t.steps {
		if s.rate >= least {
			m.asked, m.passed = m.asked+s.asked, m.passed+s.passed
		}
	}
	return m
}

// moreThan tells whether a larger share passed than before, by more than so many standard deviations of chance.
func (m measured) moreThan(before measured, deviations float64) bool {
	if before.asked == 0 {
		return false
	}
	both := (m.passed + before.passed + 1) / (m.asked + before.asked + 2)
	return m.passed/m.asked-before.passed/before.asked > deviations*math.Sqrt(both*(1-both)*(1/m.asked+1/before.asked))
}

// hardlyMoreThan tells whether no larger share passes than at a much higher pace, as far as so many tell.
func (m measured) hardlyMoreThan(before measured) bool {
	return before.asked >= max(m.asked, telling) && m.passed >= enough && m.passed/m.asked < hardlyMore*(before.passed+0.5)/before.asked
}

// keep goes by what passes at a pace that nearly all of it does.
func (t *Trial) keep(share float64) {
	rate := t.rate
	if share < hardlyLost {
		rate *= share * margin
	}
	t.move(rate)
}

// move begins a step at another pace.
func (t *Trial) move(rate float64) {
	t.first += len(t.at)
	t.at, t.sent, t.skip = t.at[:0], t.sent[:0], 0
	t.rate = max(rate, Lowest)
}

// Since is when the first question of this step left, 0 if none has.
func (t *Trial) Since() time.Duration {
	if len(t.sent) == 0 {
		return 0
	}
	return time.Duration(t.sent[0] * float64(time.Second))
}

// Forget begins the step under way anew: nobody has listened for answers.
func (t *Trial) Forget() { t.move(t.rate) }

// Watch follows the pace that was found, by questions beside: it tells whether it is lower now,
// since less passes than did.
func (t *Trial) Watch(now, wait time.Duration) (lower bool) {
	asked, passed := t.over(now, wait, 0)
	if asked < watched {
		return false
	}
	n, rate := float64(asked), t.rate
	switch {
	case !t.plain && Mostly(n, n-float64(passed), 1-Well):
		rate *= max(float64(passed)/n, 1/mostFall)
	case asked < mostWatched:
		return false
	}
	lower = rate < t.rate
	t.move(rate)
	return lower
}

// Tells is how many questions tell whether a higher pace passes.
const Tells = 3 * watched

// muchHigher is by what factor a pace is higher that is tried since a limit may be over.
const muchHigher = 4

// Higher tries a much higher pace than the one that was found, the full one at most. The first
// questions empty a bucket that has filled meanwhile.
func (t *Trial) Higher(full float64) *Trial {
	return &Trial{rate: max(min(t.rate*muchHigher, full), t.rate), size: watched, skip: Tells - watched, improved: true}
}

// Passes tells whether the pace of [Trial.Higher] passes, once that is known.
func (t *Trial) Passes(now, wait time.Duration) (passes, known bool) {
	asked, passed := t.over(now, wait, t.skip)
	return float64(passed) >= Well*float64(asked), asked >= watched
}
