package paths

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
)

// A test of a hop's limits whose probe has to be sent again for another reason (a challenge
// ACK of an old connection, a size) goes on: the hop was never asked again, and the run did
// not end.
func TestRecalledTestGoesOn(t *testing.T) {
	f := &flow{}
	first, second := f.begin(2), (&flow{id: 1}).begin(2)
	h := &hop{lost: map[*pair]time.Duration{}, aside: map[*pair]time.Duration{}, known: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	for _, p := range []*pair{first, second} {
		h.sent(want{flow: f, ttl: 2}, 0)
		h.gaveUp(p, time.Second)
	}
	probe := want{flow: f, ttl: 2, why: forLost}
	at := h.ready(probe)
	if h.state != hopTesting || at == never {
		t.Fatalf("state %v, ready at %v: two lost probes ask for a test", h.state, at)
	}
	h.sent(probe, at)
	if h.ready(probe) != never {
		t.Error("a second test beside the first")
	}
	h.recalled(first, at)
	if got := h.ready(probe); got != at+again {
		t.Errorf("ready at %v after the test was recalled at %v", got, at)
	}
}

// A host that answers each SYN by the challenge ACK of a connection that it does not end,
// beside routers of a limited rate: an exploration ends, and does not ask it back to back.
func TestChallengesBesideLimitedRouters(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			w := &world{seed: seed, rng: rand.New(rand.NewPCG(seed, 3)), limit: time.Second, target: 5,
				routes: [][]int{{1, 2}, {5}, {3, 4}, {5}, {5}, nil}}
			type asked struct {
				port uint16
				ttl  uint8
			}
			times := map[asked][]time.Time{}
			challenge := probetest.ACKs(func(isn craft.Seq) craft.Seq { return isn + 99 })
			w.host = simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
				if in.Flags == craft.SYN {
					p := asked{in.Src.Port(), in.TTL}
					times[p] = append(times[p], now)
				}
				challenge.Respond(now, in, out)
			})
			conn := probetest.World{
				Config: simnet.Config{Seed: seed, Out: simnet.Path{Delay: 5 * time.Millisecond}}, Host: w, Ports: 1000,
				Opts: []simnet.Option{simnet.WatchOutgoing()},
			}.Conn()
			defer conn.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			m, err := Run(ctx, conn, Config{Target: target4, MaxHops: 6})
			if err != nil || m.Summary.Took > 2*time.Minute {
				t.Errorf("seed %d: %d probes in %v: %v", seed, m.Probes, m.Summary.Took, err)
			}
			for p, list := range times {
				for i := 2; i < len(list); i++ {
					if gap := list[i].Sub(list[i-1]); gap < again/3 {
						t.Errorf("seed %d: the target was asked again by %+v after %v, the %dth time", seed, p, gap, i+1)
					}
				}
			}
			if len(times) == 0 {
				t.Errorf("seed %d: the target was never asked", seed)
			}
		})
	}
}

// A target that is half open, since a SYN-ACK and our RST were lost, challenges the next SYNs of
// the flow. These are no losses, and the path is not called dead.
func TestChallengesAreNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{seed: 1, rng: rand.New(rand.NewPCG(1, 3)), target: 3, routes: [][]int{{1, 2}, {3}, {3}, nil}}
		listener, unlucky, syns := &simnet.Listener{}, uint16(0), 0
		challenge := probetest.ACKs(func(isn craft.Seq) craft.Seq { return isn + 99 })
		w.host = simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			port := in.Src.Port()
			if unlucky == 0 && w.step(0, int(port)) == 2 {
				unlucky = port
			}
			if port == unlucky && in.Flags == craft.SYN {
				syns++
			}
			switch {
			case port == unlucky && syns == 1: // the SYN-ACK is lost, and the RST is
			case port == unlucky && syns < 10 && in.Flags == craft.SYN:
				challenge.Respond(now, in, out)
			default:
				listener.Respond(now, in, out)
			}
		})
		conn := probetest.World{Config: simnet.Config{Seed: 1, Out: simnet.Path{Delay: 5 * time.Millisecond}}, Host: w, Ports: 1000,
			Opts: []simnet.Option{simnet.WatchOutgoing()}}.Conn()
		defer conn.Close()
		m, err := Run(t.Context(), conn, Config{Target: target4, MaxHops: 6})
		if err != nil || len(m.Dead) > 0 || syns < 5 {
			t.Errorf("%v, %d SYNs of a flow that is challenged: %v", err, syns, m.Findings)
		}
	})
}
