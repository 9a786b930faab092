package why_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
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
	n := 20
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

// sureOf is the most probable cause of a scene, if it is claimed as sure; else "".
func sureOf(t *testing.T, s world.Scene, seed uint64) (d *why.Diagnosis, sure why.Code) {
	t.Helper()
	d, err := why.Run(context.Background(), world.New(s, seed), why.Config{Addrs: s.Addrs, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	if d.Causes[0].Probability >= 0.95 {
		sure = d.Causes[0].Code
	}
	return d, sure
}

// TestDrawsBySYN: no packet tells a balancer that gives out each SYN anew, one of its hosts
// dead, from a box that drops a share of the SYNs to this port. So nothing is sure, and the
// balancer is among what is named.
func TestDrawsBySYN(t *testing.T) {
	const each = 4
	surely, unnamed := 0, 0
	for i := range uint64(2 * each) {
		acks := world.ACKsPass
		if i%2 == 1 {
			acks = world.ACKsDrawn
		}
		d, sure := sureOf(t, world.DrawsBySYN(2+int(i)%3, acks, i), i)
		named := slices.ContainsFunc(d.Causes, func(f why.Found) bool { return f.Code == why.BackendDead })
		if sure != "" && sure != why.BackendDead {
			surely++
		}
		if !named {
			unnamed++
		}
		t.Logf("%d: %s", i, said(d))
	}
	if surely > 0 || unnamed > 1 {
		t.Errorf("of %d runs %d are sure of something else, and %d do not name a dead host behind a balancer", 2*each, surely, unnamed)
	}
}

// TestOverruledErrors: a port that the host opens is open, whatever routers say of it.
func TestOverruledErrors(t *testing.T) {
	for seed := range uint64(3) {
		d, _ := sureOf(t, world.Overruled(seed), seed)
		if top := d.Causes[0]; top.Code != why.Healthy || !strings.Contains(top.Text, "ICMP error from 10.0.") {
			t.Errorf("%d: %s %q", seed, said(d), top.Text)
		}
	}
}

// TestFewSlowConnections: what is called healthy says of how many connections none was slow, or
// how many were.
func TestFewSlowConnections(t *testing.T) {
	for seed := range uint64(4) {
		d, _ := sureOf(t, world.FewSlow(0.06, seed), seed)
		top := d.Causes[0]
		if top.Code == why.Healthy && !strings.Contains(top.Advice, "connections none was slow") && !strings.Contains(top.Text, "connections took up to") {
			t.Errorf("%d: %s %q %q", seed, said(d), top.Text, top.Advice)
		}
		t.Logf("%d: %s %q %q", seed, said(d), top.Text, top.Advice)
	}
}
