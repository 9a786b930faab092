package paths

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
	"synscope/probe/trace"
)

const ms = time.Millisecond

var wide = simnet.Path{Delay: 10 * ms, Jitter: ms}

func (m *Map) finding(code string) *probe.Finding {
	i := slices.IndexFunc(m.Findings, func(f probe.Finding) bool { return f.Code == code })
	if i < 0 {
		return nil
	}
	return &m.Findings[i]
}

// at are the addresses of the nodes at a TTL.
func (m *Map) at(ttl int) (list []string) {
	for _, n := range m.Nodes {
		if n.TTL == ttl {
			list = append(list, n.Addr.String())
		}
	}
	slices.Sort(list)
	return list
}

// Nothing is left half open, even where a SYN-ACK is lost.
func TestNothingStaysHalfOpen(t *testing.T) {
	for seed := range uint64(10) {
		w := random(seed+1, 8)
		synctest.Test(t, func(t *testing.T) {
			w.back = &simnet.Path{Delay: 10 * ms, Loss: 0.05}
			m, l := w.run(t, Config{}, simnet.Path{Delay: 10 * ms})
			if n := l.Conns(); n > 0 || m.Summary.Resets == 0 {
				t.Errorf("seed %d: %d half open of %d", seed+1, n, m.Summary.Sent)
			}
		})
	}
}

// Loss of 2 % and of 10 % each way hides no path, and shows none that is not there.
func TestPathsUnderLoss(t *testing.T) {
	const worlds = 12
	for _, loss := range []float64{0.01, 0.05} {
		whole, probes, asked := 0, 0, 0
		for seed := range uint64(worlds) {
			w := random(seed+101, 16)
			synctest.Test(t, func(t *testing.T) {
				m, _ := w.run(t, Config{}, simnet.Path{Delay: 10 * ms, Loss: loss})
				want, got := w.edges(), m.links()
				for e := range got {
					if !want[e] {
						t.Errorf("seed %d, loss %v: %s is not there", seed+101, loss, e)
					}
				}
				if len(got) == len(want) {
					whole++
				}
				if len(m.Dead) > 0 {
					t.Errorf("seed %d, loss %v: %v", seed+101, loss, m.Findings)
				}
				probes, asked = probes+int(m.Probes), asked+int(m.Asked)
			})
		}
		atRate(t, "whole", whole, worlds, 0.95)
		if loss < 0.02 && float64(probes) > 1.1*float64(asked) {
			t.Errorf("loss %v: %d probes for %d that are asked for without", loss, probes, asked)
		}
	}
}

// A balancer of packets is known for one; behind it links are called uncertain
// until all meet again, and none is made up before it.
func TestBalancerOfPackets(t *testing.T) {
	found, whole := 0, 0
	for seed := range uint64(20) {
		w := diamonds(seed+1, 2, 3)
		w.packet = map[int]bool{4: true} // between the two diamonds
		synctest.Test(t, func(t *testing.T) {
			m, _ := w.run(t, Config{}, wide)
			// Chance may send all probes of a hop the same way: so is the search limited.
			if slices.Equal(m.at(1), []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}) && len(m.at(3)) == 3 && len(m.at(4)) == 1 {
				whole++
			} else {
				t.Logf("seed %d: %v, %v, %v", seed+1, m.at(1), m.at(3), m.at(4))
			}
			for _, n := range m.Nodes {
				switch {
				case n.Addr == w.addr(4) && n.Balance == BalancePacket:
					found++
				case n.TTL == 0 && n.Balance != BalanceFlow, n.Addr != w.addr(4) && n.TTL > 0 && n.Balance != BalanceNone:
					t.Errorf("seed %d: %s balances %v", seed+1, m.Name(n.ID), n.Balance)
				}
			}
			for _, e := range m.Edges {
				if from := m.Nodes[e.From]; e.Uncertain != (from.TTL == 3) && m.finding("packets-balanced") != nil {
					t.Errorf("seed %d: the link from %s to %s: uncertain %v", seed+1, m.Name(e.From), m.Name(e.To), e.Uncertain)
				}
			}
		})
	}
	atRate(t, "balancers of packets", found, 20, 0.95)
	atRate(t, "whole", whole, 20, 0.95)
}

// Routers that send one error a second hide no path, are accused of nothing, and are
// not asked much more often than others.
func TestLimitedRouters(t *testing.T) {
	const worlds = 20
	whole := 0
	for seed := range uint64(worlds) {
		w := random(seed+301, 8)
		w.limit = time.Second
		synctest.Test(t, func(t *testing.T) {
			m, _ := w.run(t, Config{}, wide)
			want, got := w.edges(), m.links()
			for e := range got {
				if !want[e] {
					t.Errorf("seed %d: %s is not there", seed+301, e)
				}
			}
			if len(got) == len(want) && len(m.at(0)) == 1 {
				whole++
			}
			if len(m.Findings) > 0 || float64(m.Probes) > 1.5*float64(m.Asked) {
				t.Errorf("seed %d: %v, %d probes, asked %d", seed+301, m.Findings, m.Probes, m.Asked)
			}
			t.Logf("%d paths, %d probes of %d, %v", len(m.Paths), m.Probes, m.Asked, m.Summary.Took)
		})
	}
	atRate(t, "whole", whole, worlds, 0.95)
}

// Routers that do not answer are places that pass flows on.
func TestSilentHops(t *testing.T) {
	for seed := range uint64(10) {
		w := diamonds(seed+1, 2, 2)
		w.mute = map[int]bool{1: true, 3: true} // one of two, and the one between
		synctest.Test(t, func(t *testing.T) {
			m, _ := w.run(t, Config{}, wide)
			if len(m.Dead) > 0 || len(m.Findings) > 0 {
				t.Errorf("seed %d: %v", seed+1, m.Findings)
			}
			if !slices.Equal(m.at(1), []string{"10.0.0.2", "invalid IP"}) || len(m.at(3)) < 2 || m.Verdict.State != probe.StateOpen {
				t.Errorf("seed %d: %v, %v", seed+1, m.at(1), m.at(3))
			}
			for _, ttl := range []int{3, 4} {
				for _, a := range m.at(ttl) {
					if a == "invalid IP" {
						t.Errorf("seed %d: hop %d: %v", seed+1, ttl, m.at(ttl))
					}
				}
			}
		})
	}
}

// A firewall that swallows everything is no dead path among living ones.
func TestSilentTarget(t *testing.T) {
	w := diamonds(1, 1, 2)
	w.cut = map[[2]int]bool{{3, 4}: true}
	synctest.Test(t, func(t *testing.T) {
		m, _ := w.run(t, Config{}, wide)
		if len(m.Dead) > 0 || m.Verdict.State != probe.StateFiltered || m.Verdict.Reason != probe.ReasonNoResponse || len(m.at(2)) != 1 {
			t.Errorf("%v %v %v", m.Dead, m.Verdict, m.at(2))
		}
	})
}

// A router that refuses for good is named, one that does so once is not.
func TestRefusedPath(t *testing.T) {
	for _, times := range []int{1, 1000} {
		w := diamonds(4, 1, 4)
		w.refuses = map[int]int{2: times}
		synctest.Test(t, func(t *testing.T) {
			m, _ := w.run(t, Config{}, wide)
			f := m.finding("path-refused")
			if (f != nil) != (times > 1) || m.finding("packets-balanced") != nil || m.Verdict.State != probe.StateOpen {
				t.Errorf("refused %d times: %v", times, m.Findings)
			}
			if f != nil && !strings.Contains(f.Text, "10.0.0.2 (hop 2), which says host-unreachable") {
				t.Errorf("%v", f)
			}
		})
	}
}

// Of eight paths one loses a third: its link is named.
func TestLossyPath(t *testing.T) {
	named, others := 0, 0
	const worlds = 50
	for seed := range uint64(worlds) {
		w := diamonds(seed+1, 1, 8)
		join := w.target - 1
		w.lossy = map[[2]int]float64{{3, join}: 0.4}
		synctest.Test(t, func(t *testing.T) {
			m, _ := w.run(t, Config{}, wide)
			f := m.finding("path-lossy")
			if f == nil {
				return
			}
			if strings.Contains(f.Text, "10.0.0.3 (hop 1)") {
				named++
			} else {
				others++
				t.Logf("seed %d: %v", seed+1, f)
			}
		})
	}
	t.Logf("%d of %d named, of %d another", named, worlds, others)
	// Chance explains another link as well once in a thousand.
	if others > 2 {
		t.Errorf("another link is named in %d of %d", others, worlds)
	}
	// 378 of 400 are named in the long run, so no fewer than 92 % at any odds worth a
	// thought.
	if least := fewest(worlds, 0.92, 1e-6); named < least {
		t.Errorf("named in %d of %d, at least %d expected", named, worlds, least)
	}
}

// fewest is the number that so many trials of a probability stay below with less than
// the chance given.
func fewest(trials int, probability, chance float64) int {
	below, term := 0.0, math.Pow(1-probability, float64(trials)) // of exactly k
	for k := range trials {
		if below += term; below >= chance {
			return k
		}
		term *= float64(trials-k) / float64(k+1) * probability / (1 - probability)
	}
	return trials
}

// Nobody is accused of losing where nobody does.
func TestNoFalseAccusation(t *testing.T) {
	for seed := range uint64(20) {
		w := random(seed+201, 8)
		synctest.Test(t, func(t *testing.T) {
			m, _ := w.run(t, Config{}, simnet.Path{Delay: 10 * ms, Loss: 0.01})
			if len(m.Findings) > 0 {
				t.Errorf("seed %d: %v", seed+201, m.Findings)
			}
		})
	}
}

// Who answers in the target's name before it is found, whether or not the probe
// goes on.
func TestAnswersInTheTargetsName(t *testing.T) {
	for _, tc := range []struct {
		name string
		kind trace.HopKind
		code string
		ttl  string
	}{
		{"an RST is injected, the probe goes on", trace.HopReset, "answer-injected", "hop 4"},
		{"a SYN-ACK is injected, the probe goes on", trace.HopSYNACK, "answer-injected", "hop 4"},
	} {
		w := diamonds(3, 2, 2) // 0, two, 3, two, 6, target
		w.boxes = map[int]trace.HopKind{6: tc.kind}
		synctest.Test(t, func(t *testing.T) {
			m, _ := w.run(t, Config{}, wide)
			if f := m.finding(tc.code); f == nil || !strings.Contains(f.Text, tc.ttl) {
				t.Errorf("%s: %v", tc.name, m.Findings)
			}
			if len(m.at(5)) != 1 || m.at(5)[0] != "198.51.100.7" {
				t.Errorf("%s: the target at %v", tc.name, m.at(5))
			}
		})
	}
}

// A box that answers SYNs that would expire at it, and passes on those that go
// further, is not the target.
func TestBoxBeforeTheTarget(t *testing.T) {
	w := diamonds(3, 2, 2)
	w.answers = map[int]trace.HopKind{3: trace.HopReset} // instead of its own time exceeded
	synctest.Test(t, func(t *testing.T) {
		m, _ := w.run(t, Config{}, wide)
		if f := m.finding("answered-before-host"); f == nil || !strings.Contains(f.Text, "hop 2") || len(m.at(5)) != 1 {
			t.Errorf("%v, %v", m.Findings, m.at(5))
		}
	})
}

func TestRewrittenHeaders(t *testing.T) {
	w := diamonds(1, 2, 2)
	w.edit = func(quote *craft.Segment, ttl int) {
		if ttl >= 3 {
			quote.TOS = 0x20
		}
	}
	synctest.Test(t, func(t *testing.T) {
		m, _ := w.run(t, Config{}, wide)
		if f := m.finding("header-rewritten"); f == nil || !strings.Contains(f.Text, "(hop 3)") || f.Evidence != "tos 0x00>0x20" {
			t.Errorf("%v", m.Findings)
		}
	})
}

// Given flows are followed to where they end, and nothing else is sent.
func TestFollow(t *testing.T) {
	w := diamonds(5, 1, 4)
	w.cut = map[[2]int]bool{{2, 5}: true}
	synctest.Test(t, func(t *testing.T) {
		var ports []uint16
		for p := range uint16(12) {
			ports = append(ports, 32768+p)
		}
		m, _ := w.run(t, Config{Flows: ports, Queries: 2}, wide)
		if len(m.Flows) != len(ports) {
			t.Fatalf("%d flows", len(m.Flows))
		}
		dead := 0
		for _, f := range m.Flows {
			first := w.step(0, int(f.Port))
			if m.Nodes[f.Nodes[0]].Addr != w.addr(first) {
				t.Errorf("port %d passes %s, not %d", f.Port, m.Name(f.Nodes[0]), first)
			}
			if want := map[bool]trace.HopKind{true: trace.HopNone, false: trace.HopSYNACK}[first == 2]; f.End != want {
				t.Errorf("port %d ends with %v, want %v", f.Port, f.End, want)
			}
			if first == 2 {
				dead++
			}
		}
		if len(m.Dead) != 1 || len(m.Dead[0].Flows) != dead || m.Nodes[m.Dead[0].Near].Addr != w.addr(2) || m.Nodes[m.Dead[0].Far].Addr != w.addr(5) {
			t.Errorf("%+v", m.Dead)
		}
		if m.Confidence != 0 || m.Asked != 0 {
			t.Errorf("claims %v", m.Confidence)
		}
	})
}

// A run that is cut short says what is left of its confidence.
func TestInterrupted(t *testing.T) {
	w := diamonds(5, 2, 8)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 70*ms)
		defer cancel()
		w.host = &simnet.Listener{}
		conn := probetest.World{Config: simnet.Config{Out: wide, Back: wide}, Host: w, Ports: 500}.Conn()
		defer conn.Close()
		m, err := Run(ctx, conn, Config{Target: target4})
		if err != probe.ErrInterrupted || m.Complete || m.Confidence >= 0.95 || len(m.Nodes) < 3 || m.Summary.Complete {
			t.Errorf("%v: %v %v, %d nodes", err, m.Complete, m.Confidence, len(m.Nodes))
		}
	})
}

// Where there are too few source ports for the rule, the confidence is less.
func TestTooFewPorts(t *testing.T) {
	w := diamonds(5, 1, 8)
	synctest.Test(t, func(t *testing.T) {
		w.host = &simnet.Listener{}
		conn := probetest.World{Config: simnet.Config{Out: wide, Back: wide}, Host: w, Ports: 20}.Conn()
		defer conn.Close()
		m, err := Run(t.Context(), conn, Config{Target: target4})
		if err != nil || m.Complete || !m.Flowless || m.Confidence >= 0.95 {
			t.Errorf("%v: %v %v %v", err, m.Complete, m.Flowless, m.Confidence)
		}
	})
}
