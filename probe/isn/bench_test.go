package isn_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// BenchmarkAnalyze analyses a host of each class in turn.
func BenchmarkAnalyze(b *testing.B) {
	var hosts [][]isn.Sample
	for seed := range uint64(5) {
		for _, class := range simhost.Drawable() {
			_, s := sampled(class, seed, isn.NewPlan(isn.PlanConfig{}))
			hosts = append(hosts, s)
		}
	}
	b.ResetTimer()
	for i := range b.N {
		isn.Analyze(hosts[i%len(hosts)], isn.Options{})
	}
}

// BenchmarkHundredThousand analyses as many rows of every class, on 500 tuples of ours.
func BenchmarkHundredThousand(b *testing.B) {
	for _, class := range simhost.Drawable() {
		b.Run(class.String(), func(b *testing.B) {
			samples := manySamples(class, 100_000, 500)
			for b.Loop() {
				isn.Analyze(samples, isn.Options{})
			}
		})
	}
}

// manySamples are n of a host of the class, on so many ports of ours.
func manySamples(class isn.Class, n, ports int) []isn.Sample {
	rng := rand.New(rand.NewPCG(4, 4))
	plan := isn.NewPlan(isn.PlanConfig{Samples: n, Budget: time.Hour})
	for i := range plan.Steps {
		plan.Steps[i].Port %= ports
	}
	return simhost.Sample(isn.Plan{Steps: plan.Steps, Quick: true}, simhost.Draw(class, rng), simhost.Path{RTT: time.Millisecond, Jitter: 1e5}, rng)
}
