package wide_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	targets "synscope/internal/target"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

var wideTable = flag.String("wide-table", "", "run all scenarios of the internet-wide plan, and put their table into this `FILE`")

// A scenario of probing port 443 of every public IPv4 address.
type scenario struct {
	machines int
	rate     float64 // packets a second of each
	probes   int     // of each target
	loss     float64 // of packets, each way
}

// What the networks of the model let in, packets a second: strict policers at
// every /24 and every /16, with bursts of twice that.
const (
	limit24 = 4
	limit16 = 1000
)

// everywhere is what answers behind them.
var everywhere = &simnet.Synthetic{Seed: 77, Open: 0.03, Refused: 0.10, Unreachable: 0.02}

// policed is a part of the internet behind its policers, which also count.
type policed struct {
	behind           simnet.Host
	start            time.Time
	by24, by16       map[uint32]*bucket
	arrived, dropped uint64
	busiest          int // most packets to one /24 in one second
}

type bucket struct {
	tokens float64
	at     time.Time
	second int64
	count  int // in that second
}

func (b *bucket) admit(now time.Time, rate float64) bool {
	b.tokens = min(2*rate, b.tokens+now.Sub(b.at).Seconds()*rate)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

func of(m map[uint32]*bucket, key uint32, rate float64, now time.Time) *bucket {
	b := m[key]
	if b == nil {
		b = &bucket{tokens: 2 * rate, at: now}
		m[key] = b
	}
	return b
}

func (p *policed) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	p.arrived++
	a := in.Dst.Addr().As4()
	small := of(p.by24, uint32(a[0])<<16|uint32(a[1])<<8|uint32(a[2]), limit24, now)
	if second := int64(now.Sub(p.start) / time.Second); second != small.second {
		small.second, small.count = second, 0
	}
	small.count++
	p.busiest = max(p.busiest, small.count)
	big := of(p.by16, uint32(a[0])<<8|uint32(a[1]), limit16, now)
	if !small.admit(now, limit24) || !big.admit(now, limit16) {
		p.dropped++
		return
	}
	p.behind.Respond(now, in, out)
}

// list is a Plan of a few targets.
type list []netip.AddrPort

func (l list) Count() uint64              { return uint64(len(l)) }
func (l list) At(i uint64) netip.AddrPort { return l[i] }

// sampled draws whole /16s from a plan of the internet, and gives each machine
// the targets in them that its shard of the whole plan holds, in that shard's
// order: the inverse of the permutation says where in the plan each target is.
func sampled(t *testing.T, plan order, set *targets.Set, networks, machines int, rng *rand.Rand) []list {
	t.Helper()
	type place struct {
		at   uint64
		pair netip.AddrPort
	}
	shards := make([][]place, machines)
	seen := map[netip.Prefix]bool{}
	for len(seen) < networks {
		p := netip.PrefixFrom(set.At(rng.Uint64N(set.Count())).Addr(), 16).Masked()
		first, ok := set.Index(netip.AddrPortFrom(p.Addr(), 443))
		if seen[p] || !ok || first+65535 >= set.Count() || !p.Contains(set.At(first+65535).Addr()) {
			continue // a /16 with special addresses in it
		}
		seen[p] = true
		for i := range uint64(65536) {
			pair := set.At(first + i)
			at, _ := plan.Order.Index(pair)
			m := at % uint64(machines)
			shards[m] = append(shards[m], place{at, pair})
		}
	}
	lists := make([]list, machines)
	for m, places := range shards {
		slices.SortFunc(places, func(a, b place) int {
			if a.at < b.at {
				return -1
			}
			return 1
		})
		for _, p := range places {
			lists[m] = append(lists[m], p.pair)
		}
	}
	return lists
}

// outcome is what a scenario came to. Counts are of the sample.
type outcome struct {
	total     uint64  // targets of the whole plan
	share     float64 // of it that was simulated
	took      time.Duration
	sent      uint64
	open      int // that there are
	found     int // of them
	arrived   uint64
	dropped   uint64 // by policers
	busiest   int    // packets to one /24 of the sample in one second
	networks  int    // /24s in the sample
	mistakes  int    // ports called open that are not
	mostOfAll int    // expected busiest second of any /24 of the internet
}

// counting is a sink that compares with the oracle at once.
type counting struct{ found, mistakes int }

func (c *counting) Host(probe.HostReport) error { return nil }

func (c *counting) Port(v probe.Verdict) error {
	switch isOpen := everywhere.Expect(v.Target) == simnet.Open; {
	case v.State == probe.StateOpen && isOpen:
		c.found++
	case v.State == probe.StateOpen:
		c.mistakes++
	}
	return nil
}

// special is what RFC 6890 keeps out of an internet-wide plan.
var special = strings.Fields(`0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12
	192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3`)

// simulate runs a scenario in a sample of networks. Each machine runs the real
// engine over the part of its shard that lies in the sample, slowed down by as
// much as that is smaller than the shard, so that every network sees what it
// would of the whole plan, for as long as it would.
func (s scenario) simulate(t *testing.T, networks int) (o outcome) {
	set, err := targets.Parse(t.Context(), []string{"0.0.0.0/0"}, targets.Options{Ports: targets.PortsOf(443), Exclude: special})
	if err != nil {
		t.Fatal(err)
	}
	plan := order{set.Order(1), set.Count(), 0, 1}
	shards := sampled(t, plan, set, networks, s.machines, rand.New(rand.NewPCG(1, 9)))
	o.total, o.networks = set.Count(), 256*networks
	o.share = float64(networks) * 65536 / float64(o.total)
	for _, shard := range shards {
		for _, pair := range shard {
			if everywhere.Expect(pair) == simnet.Open {
				o.open++
			}
		}
	}
	synctest.Test(t, func(t *testing.T) { s.run(t, shards, &o) })
	o.mostOfAll = busiestOf(float64(o.total)/256, o.took.Seconds(), 256*float64(o.sent)/(float64(networks)*65536))
	return o
}

func (s scenario) run(t *testing.T, shards []list, o *outcome) {
	internet := &policed{behind: everywhere, start: time.Now(), by24: map[uint32]*bucket{}, by16: map[uint32]*bucket{}}
	path := simnet.Path{Delay: 20 * ms, Jitter: 150 * ms, Loss: s.loss}
	n := simnet.New(simnet.Config{Seed: 1, Out: path, Back: path})
	n.Handle(netip.MustParsePrefix("0.0.0.0/0"), internet)
	sinks, summaries := make([]counting, len(shards)), make([]wide.Summary, len(shards))
	var machines sync.WaitGroup
	for m, shard := range shards {
		conn := n.Conn(s.probes)
		cfg := wide.Config{Plan: shard, Config: scan.Config{Rate: s.rate * float64(len(shard)) / (float64(o.total) / float64(s.machines)), Retries: s.probes - 1}}
		if s.probes == 1 {
			cfg.Retries = -1
		}
		b := newBlaster(t, conn, cfg)
		machines.Go(func() {
			defer conn.Close()
			var err error
			if summaries[m], err = wide.Run(t.Context(), b, cfg, &sinks[m]); err != nil {
				t.Error(err)
			}
		})
	}
	machines.Wait()
	for m := range shards {
		o.found += sinks[m].found
		o.mistakes += sinks[m].mistakes
		o.sent += summaries[m].Sent
		o.took = max(o.took, summaries[m].Took)
	}
	o.arrived, o.dropped, o.busiest = internet.arrived, internet.dropped, internet.busiest
}

// busiestOf is the most packets in one second that is to be expected of that
// many networks over that many seconds, where each gets so many in all, at
// random: the highest count that at least one of them should reach (Poisson).
func busiestOf(networks, seconds, each float64) int {
	mean := each / seconds
	density, tail := math.Exp(-mean), 1-math.Exp(-mean)
	for k := 1; ; k++ {
		density *= mean / float64(k)
		if tail -= density; networks*seconds*max(tail, density*mean/float64(k+1)) < 1 {
			return k
		}
	}
}

func (s scenario) row(o outcome) string {
	dropped := float64(o.dropped) / float64(o.arrived)
	return fmt.Sprintf("| %d × %s pps | %d | %.0f %% | %s | %.2f billion | %.3f %% | %.3f %% | %.2f | %d | %d |\n",
		s.machines, thousands(s.rate), s.probes, 100*s.loss, o.took.Round(time.Second), float64(o.sent)/o.share/1e9,
		100*float64(o.found)/float64(o.open), 100*dropped,
		256*float64(o.sent)/(float64(o.networks)*256)/o.took.Seconds(), o.busiest, o.mostOfAll)
}

func thousands(rate float64) string {
	if rate >= 1e6 {
		return fmt.Sprintf("%.0f M", rate/1e6)
	}
	return fmt.Sprintf("%.0f k", rate/1e3)
}

// TestInternetWide runs the plan of the whole internet in a small sample of it;
// with -wide-table, in a larger one, in all scenarios.
func TestInternetWide(t *testing.T) {
	t.Parallel()
	probetest.Plain(t)
	if *wideTable == "" {
		s := scenario{machines: 100, rate: 100_000, probes: 2, loss: 0.01}
		o := s.simulate(t, 2)
		t.Log(s.row(o))
		recall := float64(o.found) / float64(o.open)
		// Both probes of a port are lost with a chance of 0.0004; three thousand
		// ports scatter about that.
		if recall < 0.998 || o.mistakes > 0 || o.open < 3000 {
			t.Errorf("recall %.5f of %d open, %d mistakes", recall, o.open, o.mistakes)
		}
		if want := 2 * float64(o.total) * (1 + everywhere.Open) / 1e7; // an RST for each SYN-ACK
		math.Abs(o.took.Seconds()-want) > want/50+5 {
			t.Errorf("took %v, want about %.0f s", o.took, want)
		}
		if o.busiest > o.mostOfAll {
			t.Errorf("a /24 got %d packets in a second, expected are at most %d", o.busiest, o.mostOfAll)
		}
		return
	}
	var table bytes.Buffer
	networks := 12
	for _, s := range []scenario{
		{1, 10_000, 2, 0.01},
		{1, 10_000_000, 2, 0.01},
		{100, 10_000, 1, 0.01},
		{100, 10_000, 2, 0.01},
		{100, 10_000, 3, 0.05},
		{100, 100_000, 2, 0.01},
		{100, 1_000_000, 2, 0.01},
	} {
		began := time.Now()
		o := s.simulate(t, networks)
		table.WriteString(s.row(o))
		t.Logf("%+v: %+v in %v", s, o, time.Since(began))
	}
	replaceTable(t, *wideTable, table.String())
}

// replaceTable puts rows between the marks of a document.
func replaceTable(t *testing.T, path, rows string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- begin: simulate-wide -->\n", "<!-- end: simulate-wide -->"
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", path)
	}
	head := "| machines × rate | probes a target | loss each way | takes | packets | open ports found | dropped by policers | a /24 sees, per second: mean | most, in the sample | most, of all |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
	if err := os.WriteFile(path, []byte(before+begin+head+rows+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
