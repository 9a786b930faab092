package wide_test

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

// killed is a sink that is killed after some verdicts: it takes no more, and
// neither does the checkpoint beside it.
type killed struct {
	*answers
	left     int
	position uint64 // as of the last checkpoint
	marks    int
}

var errKilled = errors.New("killed")

func (k *killed) Port(v probe.Verdict) error {
	if k.left == 0 {
		return errKilled
	}
	k.left--
	return k.answers.Port(v)
}

func (k *killed) checkpoint(position uint64) error {
	if k.left == 0 {
		return errKilled
	}
	if position < k.position {
		return errors.New("the position went back")
	}
	k.position = position
	k.marks++
	return nil
}

// However often a run is killed, and wherever, what its parts found together is
// what there is to find, and a kill costs no more than the sending between two
// checkpoints and the waiting for answers.
func TestStatelessKilledAndResumed(t *testing.T) {
	t.Parallel()
	kills := 0
	for seed := range uint64(keyCount()) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			const rate, spacing, every = 5_000, 300 * ms, 250 * ms
			plan := planOf(t, seed, "80,443", "10.0.0.0/19")
			all := newAnswers()
			from := uint64(0)
			probes := map[netip.AddrPort]int{}
			for {
				k := &killed{answers: all, left: 1 + rng.IntN(3_500), position: from}
				s, err := stateless(t, t.Context(),
					simnet.Config{Seed: seed, Out: simnet.Path{Delay: 50 * ms}, Back: simnet.Path{Jitter: 100 * ms}, Observe: firstProbes(probes)},
					internet, wide.Config{
						Plan: plan, From: from, Checkpoint: k.checkpoint, CheckpointEvery: every,
						Config: scan.Config{Rate: rate, Timeout: spacing},
					}, k)
				furthest := from + s.Probes
				if err == nil {
					break
				}
				if !errors.Is(err, errKilled) {
					t.Fatal(err)
				}
				kills++
				// Half of the packets are first probes, or all, before the first
				// repeat. To be done again: the last interval, the spacing, twice
				// that in patience, and what passes until all this is looked at.
				if lost, most := furthest-k.position, uint64(rate/2*(every+2*spacing+2*spacing+300*ms).Seconds()); lost > most {
					t.Errorf("seed %d: killed at %d, position %d: %d to repeat, want at most %d", seed, furthest, k.position, lost, most)
				}
				from = k.position
			}
			open, wrong := missed(t, internet, plan, all)
			if open+wrong > 0 {
				t.Errorf("seed %d: after %d kills %d open ports missed, %d wrong", seed, kills, open, wrong)
			}
			for i := range plan.Count() {
				if probes[plan.At(i)] < 2 {
					t.Fatalf("seed %d: position %d was probed %d times", seed, i, probes[plan.At(i)])
				}
			}
		})
	}
	if kills < keyCount() {
		t.Errorf("only %d kills", kills)
	}
}

// firstProbes counts the SYNs to each target.
func firstProbes(count map[netip.AddrPort]int) func(simnet.Event) {
	return func(e simnet.Event) {
		var p craft.Packet
		if e.Dir == simnet.Out && p.Decode(e.Data, craft.TrustChecksums) == nil && p.Segment.Flags == craft.SYN {
			count[p.Segment.Dst]++
		}
	}
}

// Shards on machines that know nothing of each other probe everything once.
func TestStatelessShards(t *testing.T) {
	for _, machines := range []uint64{1, 2, 7, 100} {
		synctest.Test(t, func(t *testing.T) {
			probes := map[netip.AddrPort]int{}
			var whole order
			for shard := range machines {
				whole = planOf(t, 8, "80,443", "10.0.0.0/22", "2001:db8::/120")
				part := whole
				part.index, part.step, part.count = shard, machines, (whole.count-shard+machines-1)/machines
				if _, err := stateless(t, t.Context(), simnet.Config{Observe: firstProbes(probes)}, simnet.Dropped{},
					wide.Config{Plan: part, Config: scan.Config{Retries: -1}}, newAnswers()); err != nil {
					t.Fatal(err)
				}
			}
			if uint64(len(probes)) != whole.count {
				t.Errorf("%d machines: %d of %d probed", machines, len(probes), whole.count)
			}
			for pair, n := range probes {
				if n != 1 {
					t.Fatalf("%d machines: %v probed %d times", machines, pair, n)
				}
			}
		})
	}
}
