package scan_test

import (
	"fmt"
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

// meter lets so many SYNs a second through to a host, and drops the rest.
type meter struct {
	simnet.Host
	rate, burst, tokens float64
	at                  time.Time
	over                time.Time // the limit ends then; zero: never
	dropped             bool      // the latest SYN
}

func limitsSYNs(h simnet.Host, rate, burst float64) *meter {
	return &meter{Host: h, rate: rate, burst: burst, tokens: burst, at: time.Now()}
}

func (m *meter) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	if in.Flags == craft.SYN && (m.over.IsZero() || now.Before(m.over)) {
		m.tokens = min(m.burst, m.tokens+now.Sub(m.at).Seconds()*m.rate)
		if m.at, m.dropped = now, m.tokens < 1; m.dropped {
			return
		}
		m.tokens--
	}
	m.Host.Respond(now, in, out)
}

// What lets through so many packets a second for all hosts together does not hide them from a scan whose
// port is its search: that is slowed down.
func TestSearchBehindALimit(t *testing.T) {
	for _, rate := range []float64{20, 100, 500} {
		for _, burst := range []int{1, 20} {
			for _, live := range []int{2, 4} {
				for _, back := range []bool{false, true} {
					if (rate < 100 || burst == 1) && live > 2 && !back {
						continue // nobody may be heard at first
					}
					synctest.Test(t, func(t *testing.T) {
						out, in := simnet.Path{Delay: 5 * ms}, simnet.Path{Delay: 5 * ms}
						limited := &out
						if back {
							limited = &in
						}
						limited.Limit = simnet.Limit{Rate: rate, Burst: burst, Shared: true}
						n := simnet.New(simnet.Config{Out: out, Back: in})
						var all []netip.Addr
						for a, i := netip.MustParseAddr("198.51.100.1"), 0; i < 254; a, i = a.Next(), i+1 {
							if all = append(all, a); i%live == live-1 {
								n.HandleAddr(a.String(), probetest.Listener())
							}
						}
						up, _, sum := lookByPort(t, n, all, 80)
						t.Logf("%v a second, burst %d, back %t, one in %d live: %d up, %d packets, %v", rate, burst, back, live, up, sum.Sent, sum.Took)
						if up < 254/live*17/20 || sum.Sent > 254*11 {
							t.Errorf("%v a second, burst %d, back %t, one in %d live: %d up, %d packets", rate, burst, back, live, up, sum.Sent)
						}
					})
				}
			}
		}
	}
}

// A limit of SYNs before a host that drops what is sent to its other ports hides no port, and is no guard that wants
// SYNs to come again.
func TestLimitOfSYNsBeforeASilentHost(t *testing.T) {
	open := []uint16{22, 80, 143, 443, 600, 950}
	var fails []string
	for _, rate := range []float64{20, 200} {
		for _, burst := range []float64{5, 20} {
			for key := range byte(2) {
				synctest.Test(t, func(t *testing.T) {
					all := ranges(24, 1000, target.Addr())
					rand.New(rand.NewPCG(uint64(key), 1)).Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
					all = append(ranges(21, 23, target.Addr()), all...) // one that is served is among the first
					h := limitsSYNs(firewalled(open...)(), rate, burst)
					found, sum, err := world{Host: h, Config: over(0)}.scan(t, t.Context(),
						scan.Config{Targets: slices.Values(all), Total: 980, Canaries: true, Key: [16]byte{key + 1}})
					what := fmt.Sprintf("%v SYNs a second, burst %v: %d open, %d packets, %v, %v", rate, burst, sum.States[probe.StateOpen], sum.Sent, sum.Took, probetest.Codes(found.hosts[target.Addr()].Findings))
					t.Log(what)
					if err != nil || int(sum.States[probe.StateOpen]) != len(open) || len(found.hosts[target.Addr()].Findings) > 0 {
						fails = append(fails, what)
					}
				})
			}
		}
	}
	for _, f := range fails {
		t.Error(f)
	}
}

// What is known to pass before a run, passes for its probes too.
func TestPaceOfTheSearchIsHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{Out: simnet.Path{Delay: 5 * ms, Limit: simnet.Limit{Rate: 100, Burst: 10, Shared: true}}, Back: simnet.Path{Delay: 5 * ms}})
		var all []netip.AddrPort
		for a, i := netip.MustParseAddr("198.51.100.1"), 0; i < 100; a, i = a.Next(), i+1 {
			n.HandleAddr(a.String(), firewalled(80)())
			all = append(all, portsOf(a, 22, 80, 443)...)
		}
		conn := n.Conn(13)
		defer conn.Close()
		found := states{}
		sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(all), Total: uint64(len(all)), HostsKnown: true, Passing: 90}, found)
		if err != nil || found[probe.StateOpen] != 100 || sum.Sent > 800 {
			t.Errorf("%v, %d packets, %v, %v", found, sum.Sent, sum.Took, err)
		}
		t.Log(found, sum.Sent, sum.Took)
	})
}

// A few ports of many hosts behind one limit are found where nobody looks for the hosts.
func TestLimitBeforeHostsThatNobodyLooksFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{Out: simnet.Path{Delay: 5 * ms, Limit: simnet.Limit{Rate: 100, Burst: 20, Shared: true}}, Back: simnet.Path{Delay: 5 * ms}})
		var all []netip.AddrPort
		live := 0
		for a, i := netip.MustParseAddr("198.51.100.1"), 0; i < 254; a, i = a.Next(), i+1 {
			all = append(all, netip.AddrPortFrom(a, 22))
			if i%4 == 3 {
				live++
				n.HandleAddr(a.String(), simnet.Linux(22))
			}
		}
		conn := n.Conn(13)
		defer conn.Close()
		found, met := states{}, 0.0
		sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(all), Total: 254, Key: [16]byte{1}, OnLimit: func(rate float64, kept bool) { met = rate }}, found)
		if err != nil || found[probe.StateOpen] != live || met < 20 || met > 120 {
			t.Errorf("%v of %d, %v a second, %d packets, %v, %v", found, live, met, sum.Sent, sum.Took, err)
		}
		t.Log(found, met, sum.Sent, sum.Took)
	})
}

// A limit of SYNs before all hosts hides no port of hosts that a search has found, by echo requests perhaps, whether the first
// packets pass or not.
func TestLimitBeforeHostsThatAreKnown(t *testing.T) {
	for rate, delay := range map[float64]time.Duration{300: 5 * ms, 2500: 5 * ms, 1000: ms / 20, 3000: ms / 20} {
		synctest.Test(t, func(t *testing.T) {
			n := simnet.New(simnet.Config{Out: simnet.Path{Delay: delay, Limit: simnet.Limit{Rate: rate, Burst: 20, Shared: true}}, Back: simnet.Path{Delay: delay}})
			var hosts []netip.Addr
			for a := netip.MustParseAddr("198.51.100.1"); len(hosts) < 50; a = a.Next() {
				n.HandleAddr(a.String(), firewalled(22, 80, 99)())
				hosts = append(hosts, a)
			}
			conn := n.Conn(13)
			defer conn.Close()
			all := append(ranges(79, 80, hosts...), append(ranges(1, 78, hosts...), ranges(81, 100, hosts...)...)...)
			met, found := 0.0, states{}
			sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(all), Total: uint64(len(all)), HostsKnown: true,
				Key: [16]byte{1}, OnLimit: func(rate float64, kept bool) { met = rate }}, found)
			what := fmt.Sprintf("%v, %v a second of %v, %d packets, %v, %v", found, met, rate, sum.Sent, sum.Took, err)
			if t.Log(what); err != nil || found[probe.StateOpen] != 150 || met < rate/3 || met > 1.4*rate || sum.Sent > 20_000 {
				t.Error(what)
			}
		})
	}
}

// A limit that ends while a run keeps to it is not kept to until the end, and a host that was away for a moment is not
// scanned slowly for ever.
func TestLimitThatEnds(t *testing.T) {
	open := []uint16{22, 80, 143, 443, 600, 950}
	for key := range byte(3) {
		synctest.Test(t, func(t *testing.T) {
			h := limitsSYNs(firewalled(open...)(), 20, 20)
			h.over = time.Now().Add(6 * time.Second)
			all := append(ranges(21, 23, target.Addr()), ranges(24, 1000, target.Addr())...)
			found, sum, err := world{Host: h, Config: over(0)}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(all), Total: 980, Canaries: true, Key: [16]byte{key + 1}})
			what := fmt.Sprintf("%d open, %d packets, %v, %v", sum.States[probe.StateOpen], sum.Sent, sum.Took, probetest.Codes(found.hosts[target.Addr()].Findings))
			if t.Log(what); err != nil || int(sum.States[probe.StateOpen]) != len(open) || sum.Took > 25*time.Second {
				t.Error(what)
			}
		})
	}
}

// A limit of SYNs that lets nothing through at first but what is sent to silent ports hides no host.
func TestLimitBehindWhichNothingIsHeard(t *testing.T) {
	for _, rate := range []float64{10, 30} {
		synctest.Test(t, func(t *testing.T) {
			h := limitsSYNs(firewalled(22, 80, 443, 950)(), rate, 2)
			all := append(ranges(24, 1000, target.Addr()), ranges(1, 23, target.Addr())...)
			found, sum, err := world{Host: h, Config: over(0)}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(all), Total: 1000, Canaries: true, Key: [16]byte{1}})
			what := fmt.Sprintf("%v a second: %d open, %d packets, %v, %v, %v", rate, sum.States[probe.StateOpen], sum.Sent, sum.Took, probetest.Codes(found.hosts[target.Addr()].Findings), err)
			if t.Log(what); err != nil || sum.States[probe.StateOpen] != 4 || sum.Took.Seconds() > 4000/rate {
				t.Error(what)
			}
		})
	}
}
