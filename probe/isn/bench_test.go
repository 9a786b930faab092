package isn_test

import (
	"testing"

	"synscope/probe/isn"
	"synscope/probe/isn/model"
)

// BenchmarkAnalyze analyses a host of each class in turn.
func BenchmarkAnalyze(b *testing.B) {
	var hosts [][]isn.Sample
	for seed := range uint64(5) {
		for _, class := range model.Drawable() {
			_, s := sampled(class, seed, isn.NewPlan(isn.PlanConfig{}))
			hosts = append(hosts, s)
		}
	}
	b.ResetTimer()
	for i := range b.N {
		isn.Analyze(hosts[i%len(hosts)], isn.Options{})
	}
}
