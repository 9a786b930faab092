package wide_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

// feigning lets everything answer until so many targets have, and then those alone that
// had, one each pause: what comes back never comes back. more is how many others answer
// for the first time after each such answer.
type feigning struct {
	simnet.Host
	after   int
	pause   time.Duration
	more    int
	known   map[netip.AddrPort]bool
	credit  int
	answers time.Time // the last answer of a known one
	probes  map[netip.AddrPort]int
}

func (f *feigning) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	if in.Flags.Has(craft.RST) {
		return
	}
	f.probes[in.Dst]++
	switch known := f.known[in.Dst]; {
	case len(f.known) < f.after:
		f.known[in.Dst] = true
	case !known && f.credit > 0:
		f.credit--
		f.known[in.Dst] = true
	case !known || now.Sub(f.answers) < f.pause:
		return
	default:
		f.answers, f.credit = now, f.more
	}
	f.Host.Respond(now, in, out)
}

// Hosts that feign one outage after another, whose targets that had answered answer again
// and no others, have nobody probed without bound, nor hold the run.
func TestStatelessBelievesNoFeignedReturns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		pause   time.Duration
		more    int
		retries int
		most    int // probes of a target
		took    time.Duration
	}{
		{"canaries answer", 0, 0, 0, 12 + 4 + 1, time.Minute},
		{"canaries answer, two probes", 0, 0, 1, 2 * 3, time.Minute},
		{"one canary in 20 s", 20 * time.Second, 0, 0, 12 + 4 + 1, 3 * time.Minute},
		{"one more each time", 0, 1, 0, 12 + 4 + 1, 2 * time.Minute},
		{"some more in 20 s", 20 * time.Second, 25, 0, 12 + 4 + 1, 4 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &feigning{
					Host: simnet.Linux(80), after: 300, pause: c.pause, more: c.more,
					known: map[netip.AddrPort]bool{}, probes: map[netip.AddrPort]int{},
				}
				cfg := wide.Config{Config: scan.Config{Rate: 500, FixedRate: true, Retries: c.retries}, Plan: planOf(t, 5, "1-20", "10.0.0.0/25"), MostRetries: wide.DefaultMostRetries}
				if c.retries > 0 {
					cfg.MostRetries = 0
				}
				found := newAnswers()
				s, err := stateless(t, t.Context(), simnet.Config{Out: simnet.Path{Delay: 5 * ms}}, f, cfg, found)
				if err != nil || !s.Complete || s.Took > c.took {
					t.Errorf("%v, complete %v after %v, %d sent, %d outages", err, s.Complete, s.Took, s.Sent, s.Outages)
				}
				if got := s.States[probe.StateOpen] + s.States[probe.StateRefused]; got != uint64(len(f.known)) {
					t.Errorf("%d of %d that answered", got, len(f.known))
				}
				canaries, over := 0, 0
				for target, n := range f.probes {
					switch {
					case f.known[target]:
						canaries = max(canaries, n)
					case n > c.most:
						over++
						t.Logf("%v: %d probes", target, n)
					}
				}
				if over > 0 || canaries > c.most+64 {
					t.Errorf("%d targets were probed more than %d times; a canary %d times", over, c.most, canaries)
				}
				t.Logf("%d sent in %v, %d outages, %d again, most of a canary %d", s.Sent, s.Took, s.Outages, s.Again, canaries)
			})
		})
	}
}
