package sample_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"

	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
	"synscope/probe/sample"
	"synscope/probe/simnet"
)

// hostsPerClass is how many hosts of each class TestAccuracy draws.
const hostsPerClass = 6

// Over packets, with loss, copies and reordering, hosts with random parameters
// are told as surely as by the model's own sampler, and a wrong answer is never
// a confident one.
func TestAccuracy(t *testing.T) {
	for _, jitter := range []simnet.Path{
		{Delay: ms, Jitter: ms / 2, Loss: 0.03},
		{Delay: 10 * ms, Jitter: 10 * ms, Loss: 0.05, Duplicate: 0.05},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := world{Config: path(jitter), hosts: map[netip.Addr]simnet.Host{}}
			want := map[netip.AddrPort]isn.Class{}
			cfg := sample.Config{Parallel: 1000}
			for i, class := range simhost.Drawable() {
				for n := range hostsPerClass {
					a := netip.AddrFrom4([4]byte{198, 51, byte(100 + n), byte(i + 1)})
					w.hosts[a] = drawn(class, rand.New(rand.NewPCG(77, uint64(n))).Uint64())
					dst := netip.AddrPortFrom(a, 80)
					want[dst] = class
					cfg.Targets = append(cfg.Targets, dst)
				}
			}
			g, _ := w.sample(t, cfg)
			right := 0
			for dst, class := range want {
				r := g.result(t, dst)
				if r.Report.Class == class {
					right++
					continue
				}
				t.Logf("%s: %s %.3f, want %s", dst, r.Report.Class, r.Report.Confidence, class)
				if r.Report.Class != isn.ClassUnknown && r.Report.Confidence > 0.99 { // one in ten of those at 0.9 may be wrong
					t.Errorf("%s: %s %.3f, want %s", dst, r.Report.Class, r.Report.Confidence, class)
				}
			}
			if right*100 < len(want)*98 {
				t.Errorf("%d of %d right", right, len(want))
			}
			t.Logf("jitter %v: %d of %d right", jitter.Jitter, right, len(want))
		})
	}
}
