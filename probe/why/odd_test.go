package why_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"synscope/probe/why"
	"synscope/probe/why/internal/world"
)

// mixed are causes of which two may be there at once.
var mixed = []why.Code{why.PathOneOfSeveral, why.PathLoss, why.PathReturnLoss, why.PathSYNRateLimit, why.PathConntrackFull, why.PathDropsOption,
	why.PathDropsECN, why.PathMTUBlackHole, why.PathIdleTimeout, why.HostAcceptQueue, why.HostSYNQueue, why.HostSYNCookies, why.HostConnectionLimit,
	why.HostSlow, why.BackendDead, why.BackendRefusing, why.BackendSlow, why.BackendFlapping, why.NATPAWS}

// odd is a network that no cause describes: two faults at once, or one that begins or
// ends in the middle of the run.
func odd(seed uint64) (s world.Scene, truths []why.Code) {
	rng := rand.New(rand.NewPCG(seed, 17))
	a, b := mixed[rng.IntN(len(mixed))], mixed[rng.IntN(len(mixed))]
	if seed%3 > 0 && a != b {
		return world.Both(a, b, seed, 0.005), []why.Code{a, b}
	}
	s = world.Random(a, seed, 0.005)
	at := time.Duration((0.5 + 6*rng.Float64()) * float64(time.Second))
	if rng.IntN(2) == 0 {
		s.From = at
	} else {
		s.Until = at
	}
	return s, []why.Code{a, why.BackendFlapping, why.Healthy}
}

// TestOddScenes wants an honest word on networks that no cause describes: one of the
// faults that are there, that none of the known fits, or no certainty.
func TestOddScenes(t *testing.T) {
	n := 30
	if v, err := strconv.Atoi(os.Getenv("WHY_ODD")); err == nil {
		n = v
	}
	surely, right := 0, 0
	for i := range n {
		s, truths := odd(uint64(i + 1))
		d, err := why.Run(context.Background(), world.New(s, uint64(i)), why.Config{Addrs: s.Addrs, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		top := d.Causes[0]
		switch {
		case slices.Contains(truths, top.Code):
			right++
		case top.Code != why.Unknown && top.Probability >= 0.9:
			surely++
			t.Logf("%d: %v from %v until %v: %s", i+1, truths, s.From, s.Until, said(d))
		default:
			t.Logf("%d: (%v: %s)", i+1, truths, said(d))
		}
	}
	t.Logf("%d of %d name a fault that is there, %d are sure of one that is not", right, n, surely)
	if float64(surely) > 0.1*float64(n) {
		t.Errorf("%d of %d are sure of a fault that is not there", surely, n)
	}
}

func said(d *why.Diagnosis) (text string) {
	for _, f := range d.Causes {
		text += fmt.Sprintf("%s %.3f, ", f.Code, f.Probability)
	}
	return text
}
