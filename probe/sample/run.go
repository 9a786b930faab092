package sample

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"

	"synscope/probe"
)

// Run samples the targets of cfg over the network, several beside each other,
// and hands every sample and every result to sink. Cancelling ctx ends the run
// early with [probe.ErrInterrupted], when the SYNs under way have their answers
// or are given up: targets under way are reported with what they have, the
// others not at all. Other errors are those of sink, of the configuration, of
// the routes where no target has one, and [probe.ErrNetworkDown].
func Run(ctx context.Context, n probe.Network, cfg Config, sink Sink) (probe.Summary, error) {
	cfg = cfg.withDefaults()
	if len(cfg.Plan.Steps) == 0 {
		return probe.Summary{}, ErrNoSteps
	}
	if sink == nil {
		return probe.Summary{}, errors.New("no sink takes the samples")
	}
	e, err := newEngine(n, &cfg, sink)
	if err != nil {
		return probe.Summary{}, err
	}
	err = e.run(ctx)
	return e.summary(err == nil), err
}

// fork draws a seed for one target.
func fork(seeds *rand.ChaCha8) (seed [32]byte) {
	for i := 0; i < len(seed); i += 8 {
		binary.LittleEndian.PutUint64(seed[i:], seeds.Uint64())
	}
	return seed
}
