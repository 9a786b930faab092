package wide

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"synscope/probe/internal/wire"
)

// What the meter makes of probes that are lost by chance is the chance, whether each
// target gets two probes or twelve, and whoever answers nothing at all.
func TestLossesAgainstChance(t *testing.T) {
	for _, passes := range []int{2, 3, 12} {
		for _, share := range []float64{0.01, 0.1, 0.36, 0.64} {
			r := rand.New(rand.NewPCG(uint64(passes), uint64(share*100)))
			var l losses
			for range 20_000 {
				latest := 0
				for attempt := range passes {
					if r.Float64() >= share {
						l.note(wire.RankOpen, attempt, latest, 0)
						latest = attempt + 1
					}
				}
			}
			got, _ := l.measured()
			n, lost := got.count()
			if off := math.Abs(lost/n - share); n < 1000 || off > 4*math.Sqrt(share*(1-share)/n) {
				t.Errorf("%d passes at a loss of %v: measured %.3f of %.0f", passes, share, lost/n, n)
			}
		}
	}
}

// RSTs that are limited do not make the open ports' loss.
func TestLossesOfOpenPortsGoFirst(t *testing.T) {
	var l losses
	for range 1000 {
		l.note(wire.RankReset, 1, 0, 0)
	}
	if l.passesFor(2, 2, 12) != 12 {
		t.Error("nothing but RSTs, and their loss does not count")
	}
	for range enoughOpen {
		l.note(wire.RankOpen, 1, 1, 0)
	}
	if got := l.passesFor(2, 2, 12); got != 2 {
		t.Errorf("%d passes where no answer of an open port was lost", got)
	}
}

// Copies of an answer, answers that come late and errors of routers are no trials.
func TestLossesCountEachAttemptOnce(t *testing.T) {
	var l losses
	l.note(wire.RankOpen, 0, 0, 0)
	l.note(wire.RankOpen, 1, 2, 0) // a copy
	l.note(wire.RankOpen, 1, 3, 0) // late
	l.note(wire.RankICMP, 1, 0, 0)
	l.note(wire.RankOpen, mostLatest+1, 1, 0)
	if got, _ := l.measured(); got != (trials{}) {
		t.Errorf("%+v", got)
	}
	l.note(wire.RankReset, 2, 2, 0)
	if got, _ := l.measured(); got != (trials{other: 1}) {
		t.Errorf("%+v", got)
	}
}

// A loss that has gone is forgotten, and the passes that it asked for with it; a
// measurement of few trials gives nothing up.
func TestPassesFollowTheLatestLoss(t *testing.T) {
	var l losses
	for i := range 3000 {
		l.note(wire.RankOpen, 1, i%2, time.Duration(i)*10*time.Millisecond)
	}
	passes := l.passesFor(2, 2, 12)
	if passes < 10 {
		t.Fatalf("%d passes at a loss of a half", passes)
	}
	for i := range 3000 {
		l.note(wire.RankOpen, 1, 1, 30*time.Second+time.Duration(i)*10*time.Millisecond)
	}
	if got := l.passesFor(passes, 2, 12); got != 2 {
		t.Errorf("%d passes long after the loss", got)
	}
	few := losses{latest: trials{open: 30, openLost: 1}}
	if got := few.passesFor(12, 2, 12); got != 12 {
		t.Errorf("%d passes after 30 trials", got)
	}
	if got := (&losses{}).passesFor(2, 2, 12); got != 2 {
		t.Errorf("%d passes before anything is known", got)
	}
}

// Few trials tell the loss roughly: nine times of ten the probes are enough all the
// same, where the share itself would be too low every other time.
func TestFewTrialsAreReadCautiously(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, share := range []float64{0.06, 0.0975, 0.19, 0.36} {
		enough := 0
		const samples = 1000
		for range samples {
			sample := trials{open: 100}
			for range int(sample.open) {
				if rng.Float64() < share {
					sample.openLost++
				}
			}
			l := losses{latest: sample}
			if math.Pow(share, float64(l.passesFor(2, 2, 12))) <= missed {
				enough++
			}
		}
		if enough < samples*9/10 {
			t.Errorf("at a loss of %v the probes are enough in %d of %d samples", share, enough, samples)
		}
	}
}
