package evaluate

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// Kind is one way to make hosts that [simhost.Draw] never makes: a class with
// parameters at the edge of what it means.
type Kind struct {
	Class isn.Class
	Name  string
	Make  func(rng *rand.Rand) simhost.Generator
}

// String is class and name.
func (k Kind) String() string { return k.Class.String() + ", " + k.Name }

// Kinds lists them, class after class.
func Kinds() []Kind {
	return slices.Concat(clockKinds(), stepKinds(), incrementKinds(), exactKinds(), weakKinds(), linearKinds(), shortKinds(), cookieKinds(), mixedKinds(), parallelKinds())
}

// make draws a host of the kind.
func (k Kind) host(rng *rand.Rand) *simhost.Host {
	return simhost.New(simhost.Truth{Class: k.Class, Kind: k.Name}, k.Make(rng), rng)
}

// seedOf is the second half of the seeds of the hosts of a kind, by its name.
func seedOf(name string) uint64 {
	h := fnv.New64()
	h.Write([]byte(name))
	return h.Sum64()
}

// farEvery is how often a host lies 300 ms away, behind 5 % of loss each way.
const farEvery = 4

// path draws the way to the i-th host.
func (k Kind) path(i int, cfg Config, rng *rand.Rand) simhost.Path {
	p := simhost.DrawPath(cfg.Jitter, rng)
	if i%farEvery == 0 {
		p.RTT, p.Loss = 300*time.Millisecond, 0.05
	}
	return p
}

// Run draws, samples and analyses the hosts of the kind.
func (k Kind) Run(cfg Config) []Outcome {
	out := make([]Outcome, cfg.Hosts)
	for i := range out {
		seed := cfg.First + uint64(i)*cfg.Stride
		rng := rand.New(rand.NewPCG(seed, seedOf(k.String())))
		host, path := k.host(rng), k.path(i, cfg, rng)
		samples := simhost.Sample(cfg.plan(), host, path, rng)
		out[i] = Outcome{seed, host.Truth, path, isn.Analyze(samples, isn.Options{})}
	}
	return out
}

func seq(rng *rand.Rand) craft.Seq { return craft.Seq(rng.Uint32()) }

func secret(rng *rand.Rand) simhost.Key { return simhost.Key{rng.Uint64(), rng.Uint64()} }

func fork(rng *rand.Rand) *rand.Rand { return rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())) }

func pick[T any](rng *rand.Rand, values ...T) T { return values[rng.IntN(len(values))] }

// skewed is a rate off by what crystals are off.
func skewed(rng *rand.Rand, hz float64) float64 { return hz * (1 + 30e-6*rng.NormFloat64()) }
