package isn_test

import (
	"testing"

	"synscope/craft"
	"synscope/probe/isn"
)

// One number again and again is a constant only where more than one tuple may
// have got it, and never a generator.
func TestStandstill(t *testing.T) {
	same := func(n int, port isn.Opt[uint16]) []isn.Sample {
		samples := make([]isn.Sample, n)
		for i := range samples {
			samples[i].ISN, samples[i].SrcPort = isn.Some[craft.Seq](4711), port
		}
		return samples
	}
	for _, n := range []int{3, 12, 60} {
		if r := isn.Analyze(same(n, isn.Opt[uint16]{}), isn.Options{}); r.Class != isn.ClassConstant || r.Confidence > 0.9 {
			t.Errorf("%d samples of unknown ports: %s %.2f", n, r.Class, r.Confidence)
		}
		if r := isn.Analyze(same(n, isn.Some[uint16](9)), isn.Options{}); r.Class != isn.ClassUnknown || r.Confidence != 0 {
			t.Errorf("%d samples of one port: %s %.2f", n, r.Class, r.Confidence)
		}
	}
}
