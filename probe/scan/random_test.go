package scan_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

var (
	networks = flag.Int("networks", 24, "random networks to scan")
	firstNet = flag.Uint64("firstnet", 0, "the seed of the first")
	anyRate  = flag.Bool("pn", false, "scan them all as if nothing was known of their hosts")
)

// randomHost is a host with a way of its own: how far it is, what it loses, what it
// filters, how it limits its answers, and from when on it is there.
type randomHost struct {
	simnet.Host
	chance   *rand.Rand
	delay    time.Duration // each way
	jitter   time.Duration // on top of the way back
	lost     float64       // each way
	up       time.Duration // since the run began
	truth    map[uint16]probe.State
	rejects  bool    // rather than drops
	rate     float64 // of its RSTs and errors, a second; 0: no limit
	burst    float64
	tokens   float64
	credited time.Time
	began    time.Time
	kind     string
}

func (h *randomHost) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	if now.Sub(h.began) < h.up || h.chance.Float64() < h.lost {
		return
	}
	way := onWay{out, h, now}
	switch {
	case h.truth[in.Dst.Port()] != probe.StateFiltered:
		h.Host.Respond(now, in, way)
	case h.rejects:
		simnet.Rejected{ICMP: simnet.ICMP{Type: 3, Code: 13}}.Respond(now, in, way)
	}
}

// spend takes a token, if there is one.
func (h *randomHost) spend(now time.Time) bool {
	if h.rate == 0 {
		return true
	}
	h.tokens = min(h.burst, h.tokens+h.rate*now.Sub(h.credited).Seconds())
	h.credited = now
	if h.tokens < 1 {
		return false
	}
	h.tokens--
	return true
}

// onWay is what the host sends: it goes through its limit and its way.
type onWay struct {
	simnet.Emitter
	host *randomHost
	now  time.Time
}

func (w onWay) passes() bool { return w.host.chance.Float64() >= w.host.lost }

func (w onWay) after(d time.Duration) time.Duration {
	if w.host.jitter > 0 {
		d += time.Duration(w.host.chance.Int64N(int64(w.host.jitter)))
	}
	return d + 2*w.host.delay
}

func (w onWay) Segment(after time.Duration, s *craft.Segment) {
	if (!s.Flags.Has(craft.RST) || w.host.spend(w.now)) && w.passes() {
		w.Emitter.Segment(w.after(after), s)
	}
}

func (w onWay) ICMP(after time.Duration, m *simnet.ICMP) {
	if w.host.spend(w.now) && w.passes() {
		w.Emitter.ICMP(w.after(after), m)
	}
}

func (w onWay) Schedule(after time.Duration, f func(time.Time, simnet.Emitter)) *simnet.Timer {
	return w.Emitter.Schedule(after, func(now time.Time, out simnet.Emitter) { f(now, onWay{out, w.host, now}) })
}

func oneOf[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

// newRandomHost draws a host; ports are those that will be asked for.
func newRandomHost(r *rand.Rand, ports []uint16) *randomHost {
	ms := time.Millisecond
	h := &randomHost{chance: r, began: time.Now(), truth: map[uint16]probe.State{}, burst: 20}
	h.delay = oneOf(r, 0, ms, 10*ms, 50*ms, 200*ms)
	h.jitter = oneOf(r, 0, 0, ms, 40*ms, 400*ms)
	h.lost = oneOf(r, 0, 0, 0, 0.01, 0.05, 0.2)
	h.rejects = r.IntN(2) == 0
	filtered := oneOf(r, 0, 0, 0.3, 0.97, 1)
	var open []uint16
	for _, port := range ports {
		switch {
		case r.Float64() < oneOf(r, 0.0, 0.003, 0.02):
			h.truth[port] = probe.StateOpen
			open = append(open, port)
		case r.Float64() < filtered:
			h.truth[port] = probe.StateFiltered
		default:
			h.truth[port] = probe.StateRefused
		}
	}
	h.Host = simnet.Linux(open...)
	filter := "drops"
	if h.rejects {
		filter = "rejects"
	}
	if r.IntN(3) == 0 {
		h.rate = oneOf(r, 50.0, 200, 1000)
	}
	if r.IntN(8) == 0 {
		h.up = time.Duration(r.IntN(1500)) * ms
	}
	h.tokens = h.burst
	h.kind = fmt.Sprintf("delay %v jitter %v loss %v, %s %.2f, limit %v, up after %v", 2*h.delay, h.jitter, h.lost, filter, filtered, h.rate, h.up)
	return h
}

// easy tells whether nothing stands in the way of the right verdicts but some loss.
func (h *randomHost) easy() bool { return h == nil || h.rate == 0 && h.up == 0 && h.lost <= 0.05 }

func sumOf(all map[string]int) (n int) {
	for _, k := range all {
		n += k
	}
	return n
}

// slow is a scan of a host that is worth a line.
const slow = 20 * time.Second

// tallies counts the verdicts on one host that are wrong.
type tallies struct {
	wrong map[string]int
	n     int
	last  time.Duration // verdict, since the run began
}

// verdicts compares what is said with what is true.
type verdicts struct {
	hosts map[netip.Addr]*randomHost
	count map[netip.Addr]*tallies
	began time.Time
}

func (v verdicts) Port(got probe.Verdict) error {
	h := v.hosts[got.Target.Addr()]
	want := probe.StateFiltered
	if h != nil {
		want = h.truth[got.Target.Port()]
	}
	c := v.count[got.Target.Addr()]
	if c == nil {
		c = &tallies{wrong: map[string]int{}}
		v.count[got.Target.Addr()] = c
	}
	c.n++
	c.last = time.Since(v.began)
	if got.State != want {
		c.wrong[fmt.Sprintf("%v for %v", got.State, want)]++
	}
	return nil
}

func (v verdicts) Host(probe.HostReport) error { return nil }

// TestRandomNetworks scans networks of hosts of many kinds and counts what is wrong.
func TestRandomNetworks(t *testing.T) {
	for seed := *firstNet; seed < *firstNet+uint64(*networks); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { scanRandomNetwork(t, seed) }) })
	}
}

func scanRandomNetwork(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 11))
	n := simnet.New(simnet.Config{Seed: seed, Back: simnet.Path{Duplicate: oneOf(r, 0, 0.01)}})
	var ports []uint16
	for port := range uint16(oneOf(r, 3, 100, 400)) {
		ports = append(ports, port+20)
	}
	hosts := map[netip.Addr]*randomHost{}
	var all []netip.AddrPort
	addr := netip.MustParseAddr("10.0.0.1")
	for range oneOf(r, 1, 3, 12) {
		if r.IntN(6) > 0 {
			h := newRandomHost(r, ports)
			hosts[addr] = h
			n.Handle(netip.PrefixFrom(addr, 32), h)
		}
		all = append(all, portsOf(addr, ports...)...)
		addr = addr.Next()
	}
	r.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	conn := n.Conn(13)
	defer conn.Close()
	v := verdicts{hosts, map[netip.Addr]*tallies{}, time.Now()}
	cfg := scan.Config{Targets: slices.Values(all), HostsKnown: !*anyRate}
	if !*anyRate && seed%2 == 0 {
		cfg.RoundTrip = func(a netip.Addr) time.Duration {
			if h := hosts[a]; h != nil {
				return 2*h.delay + time.Duration(r.Int64N(int64(h.jitter)+1))
			}
			return 0
		}
	}
	sum, err := scan.Run(t.Context(), conn, cfg, v)
	if err != nil {
		t.Logf("%v", err)
	}
	wrong, total := 0, 0
	for _, a := range slices.SortedFunc(maps.Keys(v.count), netip.Addr.Compare) {
		c := v.count[a]
		total += c.n
		if len(c.wrong) == 0 && c.last < slow {
			continue
		}
		for what, k := range c.wrong {
			wrong += k
			if strings.HasPrefix(what, "open") {
				t.Errorf("%v: %d ports are said to be %s", a, k, what)
			}
		}
		if mine := sumOf(c.wrong); hosts[a].easy() && mine > 3+c.n/100 {
			t.Errorf("%v: %d of %d ports are wrong", a, mine, c.n)
		}
		kind := "nobody"
		if h := hosts[a]; h != nil {
			kind = h.kind
		}
		t.Logf("%v of %d: %v in %v: %s", a, c.n, c.wrong, c.last.Round(100*time.Millisecond), kind)
	}
	if sum.Took > 3*time.Minute {
		t.Errorf("took %v", sum.Took)
	}
	t.Logf("%d of %d wrong, %d sent (%.2f a port), took %v, %v", wrong, total, sum.Sent, float64(sum.Sent)/float64(total), sum.Took, sum.States)
}
