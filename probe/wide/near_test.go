package wide_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

// later is a host whose answers take longer than the way: least at least, and up to
// spread more.
type later struct {
	simnet.Host
	least, spread time.Duration
	random        *rand.Rand
}

func (l later) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	wait := l.least
	if l.spread > 0 {
		wait += time.Duration(l.random.Int64N(int64(l.spread)))
	}
	delayed := cloned(in)
	out.Schedule(wait, func(at time.Time, out simnet.Emitter) { l.Host.Respond(at, delayed, out) })
}

// cloned is a segment that stays what it is.
func cloned(in *craft.Segment) *craft.Segment {
	c := *in
	c.Options, c.Payload = slices.Clone(in.Options), slices.Clone(in.Payload)
	return &c
}

// below answers on the ports below a bound only.
func below(bound uint16, h simnet.Host) simnet.Host {
	return simnet.OnPorts(h, func(port uint16) bool { return port < bound })
}

// nearRun probes a thousand ports of each word, and returns how long that took.
func nearRun(t *testing.T, least time.Duration, path simnet.Path, host simnet.Host, words ...string) (wide.Summary, *answers) {
	t.Helper()
	found := newAnswers()
	s, err := stateless(t, t.Context(), simnet.Config{Seed: 3, Out: path, Back: path}, host,
		wide.Config{Plan: planOf(t, 1, "1-1000", words...), LeastTimeout: least, MostRetries: wide.DefaultMostRetries}, found)
	if err != nil || !s.Complete {
		t.Fatalf("%v, %+v", err, s)
	}
	return s, found
}

// Silence of ports of a host that is near is believed soon; where an address has not
// answered at all, only after the whole time-out.
func TestSilenceOfNearHosts(t *testing.T) {
	host := below(900, simnet.Linux(10, 20, 30))
	for _, c := range []struct {
		name        string
		least       time.Duration
		host        simnet.Host
		words       []string
		from, until time.Duration
	}{
		{"near", wide.DefaultLeastTimeout, host, []string{"10.0.0.1"}, 900 * ms, 1300 * ms},
		{"near, and not asked for", 0, host, []string{"10.0.0.1"}, 3 * time.Second, 4 * time.Second},
		{"one of two keeps silent", wide.DefaultLeastTimeout, onlyOf(host, "10.0.0.1"), []string{"10.0.0.1", "10.0.0.2"}, 4 * time.Second, 5 * time.Second},
		{"far", wide.DefaultLeastTimeout, later{Host: host, least: 500 * ms}, []string{"10.0.0.1"}, 3 * time.Second, 4500 * ms},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, found := nearRun(t, c.least, simnet.Path{Delay: 5 * ms}, c.host, c.words...)
			if n := found.count(probe.StateOpen); n != 3 {
				t.Errorf("%s: %d open", c.name, n)
			}
			if s.Took < c.from || s.Took > c.until {
				t.Errorf("%s: took %v, want %v to %v", c.name, s.Took, c.from, c.until)
			}
		})
	}
}

// onlyOf lets a host answer at one address only.
func onlyOf(host simnet.Host, address string) simnet.Host {
	only := netip.MustParseAddr(address)
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Dst.Addr() == only {
			host.Respond(now, in, out)
		}
	})
}

// However far a host is and however its answers vary, none comes too late that a longer
// time-out would have waited for.
func TestShortTimeoutsLoseNoAnswer(t *testing.T) {
	for seed := range uint64(15) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			host := later{
				Host: below(990, simnet.Linux(10, 20, 30)), random: r,
				least: time.Duration(r.IntN(300)) * ms, spread: time.Duration(1+r.IntN(400)) * ms,
			}
			s, found := nearRun(t, wide.DefaultLeastTimeout, simnet.Path{Delay: 5 * ms}, host, "10.0.0.1")
			if found.count(probe.StateOpen) != 3 || found.count(probe.StateRefused) != 986 {
				t.Errorf("%v to %v: %d open and %d refused after %v", host.least, host.least+host.spread,
					found.count(probe.StateOpen), found.count(probe.StateRefused), s.Took)
			}
		})
	}
}

// A quick answer on one port of an address says nothing of another address that is far.
func TestAddressesThatAreFurtherAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := simnet.Host(simnet.Linux(10)), simnet.Host(later{Host: simnet.Linux(10), least: 1700 * ms})
		both := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			host := near
			if in.Dst.Addr() == netip.MustParseAddr("10.0.0.2") {
				host = far
			}
			host.Respond(now, in, out)
		})
		s, found := nearRun(t, wide.DefaultLeastTimeout, simnet.Path{Delay: 5 * ms}, both, "10.0.0.1", "10.0.0.2")
		if found.count(probe.StateOpen) != 2 || found.count(probe.StateRefused) != 1998 {
			t.Errorf("%d open and %d refused after %v", found.count(probe.StateOpen), found.count(probe.StateRefused), s.Took)
		}
	})
}
