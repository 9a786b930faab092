package paths

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
	"synscope/probe/trace"
)

// Respond lets a world stand in a simulated network, before a host that accepts.
func (w *world) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	if in.Flags != craft.SYN {
		w.host.Respond(now, in, out)
		return
	}
	for _, a := range w.probe(int(in.Src.Port()), int(in.TTL)) {
		switch {
		case a.Kind == trace.HopTimeExceeded && !w.sends(a.Addr, now):
		case a.Kind == trace.HopTimeExceeded:
			m := simnet.ICMP{From: a.Addr, Type: 11, Quote: *in}
			m.Quote.TTL = 1
			if w.edit != nil {
				w.edit(&m.Quote, int(in.TTL))
			}
			out.ICMP(0, &m)
		case a.Kind == trace.HopUnreachable:
			out.ICMP(0, &simnet.ICMP{From: a.Addr, Type: 3, Code: 1, Quote: *in})
		case a.Kind == trace.HopReset:
			if rst, ok := simnet.ResetFor(in, 60); ok {
				out.Segment(0, &rst)
			}
		default:
			w.host.Respond(now, in, out)
		}
	}
}

var target4 = netip.MustParseAddrPort("198.51.100.7:80")

// run explores a world through the network. It must be called in a bubble.
func (w *world) run(t *testing.T, cfg Config, link simnet.Path) (*Map, *simnet.Listener) {
	t.Helper()
	l := &simnet.Listener{}
	w.host = l
	back := link
	if w.back != nil {
		back = *w.back
	}
	world := probetest.World{
		Config: simnet.Config{Seed: w.seed, Out: link, Back: back}, Host: w, Ports: 1000,
		Opts: []simnet.Option{simnet.WatchOutgoing()},
	}
	conn := world.Conn()
	defer conn.Close()
	cfg.Target = target4
	m, err := Run(t.Context(), conn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second / 2) // what is on its way arrives
	probetest.Balance(t, &m.Summary)
	return m, l
}

func (m *Map) links() map[string]bool {
	all := map[string]bool{}
	for _, e := range m.Edges {
		from, to := m.Nodes[e.From], m.Nodes[e.To]
		if to.Addr.IsValid() && (from.ID == 0 || from.Addr.IsValid()) {
			all[edgeName(from.TTL, from.Addr, to.Addr)] = true
		}
	}
	return all
}

func TestRun(t *testing.T) {
	const worlds = 15
	whole := 0
	for seed := range uint64(worlds) {
		w := random(seed+1, 16)
		synctest.Test(t, func(t *testing.T) {
			m, _ := w.run(t, Config{}, simnet.Path{Delay: 10 * time.Millisecond, Jitter: 3 * time.Millisecond})
			want, got := w.edges(), m.links()
			for e := range got {
				if !want[e] {
					t.Errorf("seed %d: %s is not there", seed+1, e)
				}
			}
			if len(got) == len(want) {
				whole++
			}
			if m.Verdict.State != probe.StateOpen || m.Confidence < 0.95 || !m.Complete {
				t.Errorf("seed %d: %v, confidence %v", seed+1, m.Verdict.State, m.Confidence)
			}
			if float64(m.Probes) > 1.2*float64(m.Asked) {
				t.Errorf("seed %d: %d probes, %d repeated, asked %d", seed+1, m.Probes, m.Repeated, m.Asked)
			}
			t.Logf("%d paths, %d (%d) probes of %d, %d flows, %v, findings %v", len(m.Paths), m.Probes, m.Repeated, m.Asked, len(m.Flows), m.Summary.Took, m.Findings)
		})
	}
	atRate(t, "whole", whole, worlds, 0.95)
}

// A path among eight of which nothing comes out is named by its two ends.
func TestDeadPath(t *testing.T) {
	for seed := range uint64(20) {
		w := diamonds(seed+1, 1, 8)
		join := w.target - 1
		w.cut = map[[2]int]bool{{3, join}: true}
		synctest.Test(t, func(t *testing.T) {
			m, _ := w.run(t, Config{}, simnet.Path{Delay: 10 * time.Millisecond, Loss: 0.01})
			if len(m.Dead) != 1 {
				t.Fatalf("seed %d: %+v", seed+1, m.Dead)
			}
			d := m.Dead[0]
			if m.Nodes[d.Near].Addr != w.addr(3) || d.Far < 0 || m.Nodes[d.Far].Addr != w.addr(join) || len(d.Flows) == 0 {
				t.Errorf("seed %d: between %s and %s", seed+1, m.Name(d.Near), m.Name(d.Far))
			}
			if i := slices.IndexFunc(m.Findings, func(f probe.Finding) bool { return f.Code == "path-dead" }); i < 0 {
				t.Errorf("seed %d: %v", seed+1, m.Findings)
			} else if seed == 0 {
				t.Logf("%+v; %d (%d) of %d", m.Findings[i], m.Probes, m.Repeated, m.Asked)
			}
		})
	}
}

// A path that is dead from its first link on hides the router behind it. It is looked
// for no less: the others get as many flows as the rule asks for.
func TestDeadFromTheFirstLink(t *testing.T) {
	for seed := range uint64(20) {
		w := diamonds(seed+1, 1, 8)
		w.cut = map[[2]int]bool{{0, 3}: true}
		synctest.Test(t, func(t *testing.T) {
			m, _ := w.run(t, Config{}, simnet.Path{Delay: 10 * time.Millisecond})
			if len(m.Dead) != 1 || m.Dead[0].Near != 0 || m.Dead[0].Far < 0 || m.Nodes[m.Dead[0].Far].Addr != w.addr(w.target-1) {
				t.Errorf("seed %d: %+v", seed+1, m.Dead)
			}
			if !m.Complete || m.Confidence < 0.95 || float64(m.Probes-m.Repeated) > 1.2*float64(m.Asked) {
				t.Errorf("seed %d: complete %v, confidence %v, %d (%d) probes of %d", seed+1, m.Complete, m.Confidence, m.Probes, m.Repeated, m.Asked)
			}
		})
	}
}
