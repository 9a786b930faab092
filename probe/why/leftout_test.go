package why_test

import (
	"context"
	"os"
	"strconv"
	"testing"

	"synscope/probe/why"
	"synscope/probe/why/internal/world"
)

// TestLeftOut takes each cause away where it is the true one, as if nobody had thought of it.
// Then what is sure is wrong, apart from what amounts to the same to whoever has to act. WHY_LEFT
// is the number of scenes for each cause.
func TestLeftOut(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("WHY_LEFT"))
	if err != nil {
		t.Skip("takes minutes: WHY_LEFT=SCENES")
	}
	all, sure, unknown := 0, 0, 0
	for _, code := range world.Codes() {
		if code == why.Healthy {
			continue
		}
		for i := range n {
			seed := uint64(2 * (i + 1))
			s := world.Random(code, seed, 0.005)
			d, err := why.Run(context.Background(), world.New(s, seed), why.Config{Addrs: s.Addrs, Seed: seed, Impossible: []why.Code{code}})
			if err != nil {
				t.Fatal(err)
			}
			all++
			switch top := d.Causes[0]; {
			case top.Code == why.Unknown:
				unknown++
			case top.Probability >= 0.9:
				sure++
				t.Logf("%s seed %d: %s misfit %.1f", code, seed, said(d), d.Misfit)
			}
		}
	}
	t.Logf("%d scenes without their cause: %d say that none fits, %d are sure of another", all, unknown, sure)
}
