package sample_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
	"synscope/probe/sample"
	"synscope/probe/simnet"
)

const ms = time.Millisecond

var target = netip.MustParseAddrPort("198.51.100.7:80")

// gathered keeps what a run finds.
type gathered struct {
	samples map[netip.AddrPort][]isn.Sample
	results []sample.Result
	refuse  error
}

func (g *gathered) Sample(t netip.AddrPort, s isn.Sample) error {
	if g.samples == nil {
		g.samples = map[netip.AddrPort][]isn.Sample{}
	}
	g.samples[t] = append(g.samples[t], s)
	return g.refuse
}

func (g *gathered) Result(r sample.Result) error {
	g.results = append(g.results, r)
	return nil
}

// result is the one of a target.
func (g *gathered) result(t *testing.T, target netip.AddrPort) *sample.Result {
	t.Helper()
	for i := range g.results {
		if g.results[i].Target == target {
			return &g.results[i]
		}
	}
	t.Fatalf("no result for %s", target)
	return nil
}

// path is the same way there and back.
func path(p simnet.Path) simnet.Config { return simnet.Config{Seed: 7, Out: p, Back: p} }

// world is a network with hosts, seen from a sampler.
type world struct {
	simnet.Config
	hosts map[netip.Addr]simnet.Host
	ports int
}

// run samples under virtual time. It must be called in a bubble.
func (w world) run(t *testing.T, ctx context.Context, cfg sample.Config) (*gathered, probe.Summary, error) {
	t.Helper()
	n := simnet.New(w.Config)
	for a, h := range w.hosts {
		n.Handle(netip.PrefixFrom(a, a.BitLen()), h)
	}
	w.ports = cmp.Or(w.ports, 20)
	conn := n.Conn(w.ports, simnet.WatchOutgoing())
	defer conn.Close()
	if cfg.Targets == nil {
		cfg.Targets = []netip.AddrPort{target}
	}
	if cfg.Plan.Steps == nil {
		cfg.Plan = isn.NewPlan(isn.PlanConfig{})
	}
	if cfg.Seed == [32]byte{} {
		cfg.Seed[0] = 1 // what the network loses depends on the bytes
	}
	g := &gathered{}
	summary, err := sample.Run(ctx, conn, cfg, g)
	sum := summary.Matched
	for _, n := range summary.Rejected {
		sum += n
	}
	if sum != summary.Received {
		t.Errorf("%d received, %d of them accounted for: %v", summary.Received, sum, summary.Rejected)
	}
	return g, summary, err
}

// sample is run to its end, which must have no error.
func (w world) sample(t *testing.T, cfg sample.Config) (*gathered, probe.Summary) {
	t.Helper()
	g, summary, err := w.run(t, t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g, summary
}

// single is a world of one host.
func single(cfg simnet.Config, h simnet.Host) world {
	return world{Config: cfg, hosts: map[netip.Addr]simnet.Host{target.Addr(): h}}
}

// drawn is a model host of a class.
func drawn(class isn.Class, seed uint64) *simnet.Modelled {
	rng := rand.New(rand.NewPCG(seed, uint64(class)))
	return simnet.NewModelled(simhost.Draw(class, rng), time.Duration(rng.Int64N(int64(24*time.Hour))))
}

// outgoing are the segments that left, in order.
func outgoing(flags craft.Flags, list *[]craft.Segment) func(simnet.Event) {
	return func(e simnet.Event) {
		var p craft.Packet
		if e.Dir == simnet.Out && p.Decode(e.Data, craft.TrustChecksums) == nil && p.Segment.Flags == flags {
			s := p.Segment
			s.Options = slices.Clone(s.Options)
			*list = append(*list, s)
		}
	}
}
