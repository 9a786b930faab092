package scan_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// Hosts that limit their resets are asked at the rate at which they answer: nearly every
// port gets its verdict, in little more than the time that the limit asks for.
func TestLimitsOfResets(t *testing.T) {
	probetest.Plain(t)
	for _, rate := range []float64{5, 20, 50, 200, 500, 2000} {
		for seed := range uint64(3) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				h := &randomHost{chance: r, began: time.Now(), truth: map[uint16]probe.State{}, burst: 20, tokens: 20, rate: rate, delay: 100 * time.Microsecond, Host: simnet.Linux(22, 80, 443)}
				conn, all := alone(h, h, 1000)
				defer conn.Close()
				r.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
				found := states{}
				sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(all)}, found)
				least := 950
				if rate < 20 {
					least = 900
				}
				if err != nil || found[probe.StateOpen] != 3 || found[probe.StateRefused] < least {
					t.Errorf("%v a second, seed %d: %v, %v", rate, seed, found, err)
				}
				if ideal := 997 / rate; sum.Took.Seconds() > 2*ideal+3 {
					t.Errorf("%v a second, seed %d: took %v", rate, seed, sum.Took)
				}
				t.Log(rate, sum.Took.Round(10*time.Millisecond), sum.Sent, found)
			})
		}
	}
}

// alone is a network of one host, which refuses the first ports but for those that it
// serves, and what there is to probe.
func alone(h simnet.Host, known *randomHost, ports uint16) (conn *simnet.Conn, all []netip.AddrPort) {
	n := simnet.New(simnet.Config{})
	a := netip.MustParseAddr("10.0.0.1")
	n.Handle(netip.PrefixFrom(a, 32), h)
	for port := uint16(1); port <= ports; port++ {
		known.truth[port] = probe.StateRefused
		all = append(all, netip.AddrPortFrom(a, port))
	}
	return n.Conn(13), all
}

// clockedHost notes when segments come.
type clockedHost struct {
	*randomHost
	came []time.Time
	only uint16 // the port that they come to; 0: any
}

func (h *clockedHost) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	if in.Flags == craft.SYN && (h.only == 0 || h.only == in.Dst.Port()) {
		h.came = append(h.came, now)
	}
	h.randomHost.Respond(now, in, out)
}

// A host whose limit has no room for bursts gets none once its limit is known: a
// probe leaves when the one before it has had its time.
func TestLimitedHostGetsNoBursts(t *testing.T) {
	const interval = 50 * time.Millisecond // of its answers
	synctest.Test(t, func(t *testing.T) {
		h := &clockedHost{randomHost: &randomHost{chance: rand.New(rand.NewPCG(1, 1)), began: time.Now(),
			truth: map[uint16]probe.State{}, burst: 2, tokens: 2, rate: float64(time.Second / interval), Host: simnet.Linux(22)}}
		conn, all := alone(h, h.randomHost, 200)
		defer conn.Close()
		found := states{}
		if _, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(all)}, found); err != nil || found[probe.StateRefused] < 197 {
			t.Errorf("%v, %v", found, err)
		}
		late := h.came[slices.IndexFunc(h.came, func(at time.Time) bool { return at.Sub(h.began) > 2*time.Second }):]
		if len(late) < 100 {
			t.Fatalf("%d of %d probes came later than 2 s after the beginning", len(late), len(h.came))
		}
		for i := range late[4:] { // of so many in one interval the host could answer three
			if gap := late[i+4].Sub(late[i]); gap < interval {
				t.Fatalf("5 probes within %v, %v after the beginning", gap, late[i].Sub(h.began))
			}
		}
	})
}

// A port that was open is asked again under load at once, however many others of its host wait: silent ports wait for it.
func TestOpenPortIsAskedAgainBeforeOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &clockedHost{randomHost: &randomHost{chance: rand.New(rand.NewPCG(1, 1)), began: time.Now(), truth: map[uint16]probe.State{},
			burst: 20, tokens: 20, rate: 50, delay: 300 * time.Microsecond, Host: simnet.Linux(22)}, only: 22}
		conn, all := alone(h, h.randomHost, 500)
		defer conn.Close()
		found := states{}
		if _, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(all), Canaries: true}, found); err != nil || found[probe.StateRefused] < 490 {
			t.Errorf("%v, %v", found, err)
		}
		again := slices.ContainsFunc(h.came, func(at time.Time) bool {
			after := at.Sub(h.began)
			return after > 500*time.Millisecond && after < 3*time.Second
		})
		if !again {
			t.Errorf("the open port was asked at %v", h.came)
		}
	})
}
