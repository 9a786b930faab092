package scan_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// TestMixedNetworks scans networks in which everything that package scan knows of comes together as
// chance will have it: loss, queues, limits, guards, forgers, proxies that begin in mid-scan, firewalls
// and interruptions of this machine. What is said of a port is held against what had arrived when it
// was said; where nothing forges and nothing is lost, against what the port is.
//
// SCAN_NETWORKS says how many networks, SCAN_FIRST the seed of the first.
func TestMixedNetworks(t *testing.T) {
	first, count := fromEnv("SCAN_FIRST", 0), fromEnv("SCAN_NETWORKS", 100)
	seeds := []uint64{20095} // a guarded host among hosts that make the loss seem large
	for seed := first; seed < first+count; seed++ {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		inBubble(t, fmt.Sprint(seed), func(t *testing.T) {
			m := newMixed(seed)
			defer func() {
				if t.Failed() {
					t.Log(m)
				}
			}()
			m.run(t)
			m.check(t)
		})
		if t.Failed() && os.Getenv("SCAN_ALL") == "" {
			return
		}
	}
}

// The same seed and key give the same answers by the same packets.
func TestMixedNetworksRepeat(t *testing.T) {
	for seed := range fromEnv("SCAN_NETWORKS", 100) / 10 {
		var runs [2]*mixed
		for i := range runs {
			synctest.Test(t, func(t *testing.T) {
				runs[i] = newMixed(seed)
				runs[i].beside, runs[i].stop = false, 0 // goroutines take turns as they like
				runs[i].run(t)
			})
		}
		a, b := runs[0], runs[1]
		if a.summary.Sent != b.summary.Sent || !maps.EqualFunc(a.found.ports, b.found.ports, alike) {
			t.Errorf("seed %d: %d packets, and %d the second time; %v and %v: %s", seed, a.summary.Sent, b.summary.Sent, a.summary.States, b.summary.States, a)
		}
	}
}

func alike(a, b probe.Verdict) bool {
	return a.State == b.State && a.Reason == b.Reason && a.Attempts == b.Attempts && a.RTT == b.RTT
}

func fromEnv(name string, otherwise uint64) uint64 {
	if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
		return n
	}
	return otherwise
}

// mixed is one network and one scan of it.
type mixed struct {
	seed    uint64
	net     simnet.Config
	boxes   map[netip.Addr]*box
	all     []netip.AddrPort
	cfg     scan.Config
	watch   bool
	beside  bool
	refuses uint64        // one of so many packets is refused by this machine; 0: none
	stop    time.Duration // when the run is interrupted; 0: it is not

	tap     *tap
	found   *collector
	summary probe.Summary
	err     error
	ended   time.Duration
	wrong   []string // what verdicts contradict
}

func (m *mixed) String() string {
	s := fmt.Sprintf("out %+v back %+v rate %v retries %d timeout %v search %t known %t canaries %t watch %t beside %t refuses %d stop %v targets %d",
		m.net.Out, m.net.Back, m.cfg.Rate, m.cfg.Retries, m.cfg.Timeout, m.cfg.Search, m.cfg.HostsKnown, m.cfg.Canaries, m.watch, m.beside, m.refuses, m.stop, len(m.all))
	for _, a := range slices.SortedFunc(maps.Keys(m.boxes), netip.Addr.Compare) {
		s += fmt.Sprintf("\n  %v: %s", a, m.boxes[a].kind)
	}
	return s
}

// newMixed draws a network and a configuration.
func newMixed(seed uint64) *mixed {
	r := rand.New(rand.NewPCG(seed, 29))
	m := &mixed{seed: seed, boxes: map[netip.Addr]*box{}, tap: newTap(), found: newCollector()}
	m.net = simnet.Config{Seed: seed, Observe: m.tap.observe, Out: randomPath(r), Back: randomPath(r)}
	m.queue(r)
	m.populate(r)
	m.configure(r)
	return m
}

func randomPath(r *rand.Rand) simnet.Path {
	return simnet.Path{
		Delay: oneOf(r, 1, 5*ms, 40*ms, 150*ms), Jitter: oneOf(r, 0, 0, 0, ms, 60*ms),
		Loss: oneOf(r, 0, 0, 0, 0.02, 0.1, 0.3), Duplicate: oneOf(r, 0, 0, 0.05), Reorder: oneOf(r, 0, 0, 0.05),
	}
}

// queue puts a slow link on the way, sometimes.
func (m *mixed) queue(r *rand.Rand) {
	if r.IntN(5) > 0 {
		return
	}
	rate := oneOf(r, 50.0, 200, 1000)
	way := oneOf(r, &m.net.Out, &m.net.Back)
	way.Limit = simnet.Limit{Rate: rate, Queue: int(rate * oneOf(r, 0.2, 1, 3)), Shared: true}
}

func (m *mixed) populate(r *rand.Rand) {
	ports := make([]uint16, oneOf(r, 1, 2, 7, 40, 150))
	for i := range ports {
		ports[i] = uint16(20 + i)
	}
	a := oneOf(r, netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8:1::1"))
	for range oneOf(r, 1, 1, 2, 9) {
		if r.IntN(4) > 0 {
			m.boxes[a] = newBox(r, ports)
		}
		for _, port := range ports {
			m.all = append(m.all, netip.AddrPortFrom(a, port))
		}
		a = a.Next()
	}
	r.Shuffle(len(m.all), func(i, k int) { m.all[i], m.all[k] = m.all[k], m.all[i] })
}

func (m *mixed) configure(r *rand.Rand) {
	m.cfg = scan.Config{
		Targets: slices.Values(m.all), Key: [16]byte{1, byte(m.seed)},
		Rate: oneOf(r, 0, 0, 100, 2000, math.Inf(1)), Retries: oneOf(r, 0, 0, 0, 1, 3, -1), Timeout: oneOf(r, 0, 0, 0, 300*ms, 2*time.Second),
		Search: r.IntN(6) == 0, HostsKnown: r.IntN(2) == 0, Canaries: r.IntN(2) == 0,
	}
	if r.IntN(3) == 0 {
		m.cfg.RoundTrip = func(netip.Addr) time.Duration { return m.net.Out.Delay + m.net.Back.Delay }
	}
	m.watch, m.beside = r.IntN(2) == 0, r.IntN(4) == 0
	if r.IntN(8) == 0 {
		m.refuses = oneOf[uint64](r, 3, 50)
	}
	if r.IntN(8) == 0 {
		m.stop = time.Duration(1+r.IntN(3000)) * ms
	}
}

// run scans it.
func (m *mixed) run(t *testing.T) {
	m.refuse()
	n := simnet.New(m.net)
	for a, b := range m.boxes {
		n.Handle(netip.PrefixFrom(a, a.BitLen()), b)
	}
	var options []simnet.Option
	if m.watch {
		options = append(options, simnet.WatchOutgoing())
	}
	conn := n.Conn(13, options...)
	defer conn.Close()
	network := probe.Polled(conn)
	if m.beside {
		network = &twoLanes{Conn: conn}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if m.stop > 0 {
		defer time.AfterFunc(m.stop, cancel).Stop()
	}
	m.summary, m.err = scan.Run(ctx, network, m.cfg, m)
	m.ended = time.Since(m.tap.start)
}

// refuse has this machine refuse packets.
func (m *mixed) refuse() {
	tried := uint64(0)
	if m.refuses > 0 {
		m.net.SendError = func([]byte) error {
			if tried++; tried%m.refuses == 0 {
				return syscall.ENOBUFS
			}
			return nil
		}
	}
}

func (m *mixed) contradict(format string, args ...any) {
	m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
}

// Port holds a verdict against what had arrived by then.
func (m *mixed) Port(v probe.Verdict) error {
	now := time.Since(m.tap.start)
	if m.cfg.Search || m.cfg.Canaries { // which keep verdicts back
		now = v.Time.Round(0).Sub(m.tap.start.Round(0))
	}
	before, by := m.tap.best(v.Target, now)
	if claim := proofOf(&v); claim < before || claim > by {
		m.contradict("%v is %v (%v) at %v, but %v had come before and %v by then", v.Target, v.State, v.Reason, now, before, by)
	}
	return m.found.Port(v)
}

func (m *mixed) Host(h probe.HostReport) error {
	if _, twice := m.found.hosts[h.Addr]; twice {
		m.contradict("%v has two reports", h.Addr)
	}
	return m.found.Host(h)
}

// lossless tells whether no packet is lost but by what hosts do, and none comes late.
func (m *mixed) lossless() bool {
	return m.net.Out.Loss+m.net.Back.Loss == 0 && m.direct() && (m.cfg.Timeout == 0 || m.longest() < m.cfg.Timeout)
}

// direct tells whether no queue stands on the way, and nothing keeps the scan from asking twice.
func (m *mixed) direct() bool {
	return m.net.Out.Limit.Rate+m.net.Back.Limit.Rate == 0 && m.stop == 0 && m.cfg.Retries >= 0
}

// longest is the longest round trip.
func (m *mixed) longest() (d time.Duration) {
	for _, p := range []simnet.Path{m.net.Out, m.net.Back} {
		d += p.Delay + p.Jitter
		if p.Reorder > 0 {
			d += max(p.Delay, ms)
		}
	}
	for _, b := range m.boxes {
		d = max(d, d+b.longer)
	}
	return d
}
