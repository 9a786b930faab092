package paths

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/wire"
	"synscope/probe/trace"
)

// Defaults of a [Config].
const (
	DefaultConfidence = 0.95
	DefaultQueries    = 3
)

// Config says which target to find the paths to. Only Target must be set.
type Config struct {
	Target     netip.AddrPort
	MaxHops    int           // 0: trace.DefaultMaxHops
	Confidence float64       // that no path is missed; 0: DefaultConfidence
	Timeout    time.Duration // longest wait for an answer; 0: probe.DefaultTimeout
	Rate       float64       // most packets a second, RSTs too; 0: no bound but the spacing of probes

	// Queries is how many probes are sent to the end of each path, as far as the
	// number of packets allows; with Flows, how often a probe is sent at most
	// until it is answered. 0: DefaultQueries.
	Queries int

	// Flows are source ports, out of those that the network holds. With them
	// nothing is looked for: each of these flows is followed hop by hop to its
	// end. So one may see where flows die that are known to fail, and compare
	// them with others.
	Flows []uint16

	Profile craft.Profile // look of the SYN; the zero value: the first of craft.Profiles
	TOS     uint8
	Key     [16]byte // of the probes' numbers; the zero value: random

	OnProgress func(Progress) // called now and then; may be nil
}

// Progress is how far an exploration has come.
type Progress struct {
	Nodes         int // that are known, this machine among them
	Probes, Asked int // SYNs that were sent, and that the rule asks for by what is known
	Limited       int // hops whose routers answer at a limited rate, for which it takes long
	Elapsed       time.Duration
}

// Run finds the paths to a target, or follows given flows: see the package text.
//
// Cancelling ctx stops the sending; what was found is returned together with
// [probe.ErrInterrupted], and the confidence that is left. Other errors are those
// of [synscope/probe/trace.Run].
func Run(ctx context.Context, network probe.Network, cfg Config) (*Map, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if err := wire.Check("paths", network, cfg.Rate, 0); err != nil {
		return nil, err
	}
	r, err := newRunner(network, &cfg)
	if err != nil {
		m := &Map{Target: cfg.Target}
		m.Verdict = wire.NoWay(cfg.Target, err)
		return m, err
	}
	err = r.run(ctx)
	return r.result(err), err
}

func (c *Config) complete() error {
	if !c.Target.IsValid() {
		return errors.New("paths: no target")
	}
	c.Target = wire.Unmapped(c.Target)
	c.MaxHops = cmp.Or(c.MaxHops, trace.DefaultMaxHops)
	if c.MaxHops < 1 || c.MaxHops > trace.MaxHops {
		return fmt.Errorf("paths: %d hops: at most %d", c.MaxHops, trace.MaxHops)
	}
	c.Confidence = cmp.Or(c.Confidence, DefaultConfidence)
	if !(c.Confidence > 0 && c.Confidence < 1) {
		return fmt.Errorf("paths: a confidence of %v: it is between 0 and 1", c.Confidence)
	}
	c.Queries = cmp.Or(max(c.Queries, 0), DefaultQueries)
	c.Timeout = cmp.Or(max(c.Timeout, 0), probe.DefaultTimeout)
	c.Rate = cmp.Or(max(c.Rate, 0), math.Inf(1))
	return nil
}
