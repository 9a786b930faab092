package scan_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe/internal/probetest"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// over is a network that takes 10 ms each way, and loses that share.
func over(loss float64) simnet.Config {
	path := simnet.Path{Delay: 10 * ms, Loss: loss}
	return simnet.Config{Seed: 1, Out: path, Back: path}
}

const forever = 1000 * time.Hour

// everyTenth is a host whose ports are refused, but for each tenth.
func everyTenth(last uint16) simnet.Mux {
	var open []uint16
	for p := uint16(10); p <= last; p += 10 {
		open = append(open, p)
	}
	return simnet.Linux(open...)
}

func wrongVerdicts(found *collector, addr netip.Addr, last uint16) (wrong int) {
	for p := uint16(1); p <= last; p++ {
		want := probe.StateRefused
		if p%10 == 0 {
			want = probe.StateOpen
		}
		if found.ports[netip.AddrPortFrom(addr, p)].State != want {
			wrong++
		}
	}
	return wrong
}

// A host that is away for a moment costs time and no verdict.
func TestHostIsAwayForAMoment(t *testing.T) {
	for _, away := range []time.Duration{100 * ms, 600 * ms, 3 * time.Second, 9 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			a := target.Addr()
			found, s, err := world{Host: simnet.Away(everyTenth(2000), time.Second, time.Second+away), Config: over(0)}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(ranges(1, 2000, a)), Rate: 1000})
			if err != nil || !s.Complete || s.WentSilent > 0 {
				t.Errorf("away for %v: %v, %+v", away, err, s)
			}
			if wrong := wrongVerdicts(found, a, 2000); wrong > 0 {
				t.Errorf("away for %v: %d of 2000 wrong", away, wrong)
			}
			if most := 2*time.Second + away + 1500*ms; s.Took > most {
				t.Errorf("away for %v: took %v, want %v at most", away, s.Took, most)
			}
		})
	}
}

// So it is where the host is back before any probe has had its last try: nobody had
// come to suspect it, and what left meanwhile is not taken for lost, nor for silence.
func TestHostIsAwayWhileAllHaveTheirFirstTry(t *testing.T) {
	probetest.Plain(t)
	for _, c := range []struct {
		delay time.Duration
		rate  float64
		away  []time.Duration
	}{
		{20 * time.Microsecond, 1000, []time.Duration{60 * ms, 150 * ms, 250 * ms, 2500 * ms, 3100 * ms, 3900 * ms}},
		{20 * time.Microsecond, 10_000, []time.Duration{60 * ms, 150 * ms, 250 * ms}},
		{10 * ms, 1000, []time.Duration{60 * ms, 150 * ms, 250 * ms}},
		{100 * ms, 10_000, []time.Duration{60 * ms, 250 * ms, 400 * ms}},
	} {
		path := simnet.Path{Delay: c.delay}
		for _, away := range c.away {
			synctest.Test(t, func(t *testing.T) {
				a := target.Addr()
				found, s, err := world{Host: simnet.Away(everyTenth(3000), 300*ms, 300*ms+away), Config: simnet.Config{Out: path, Back: path}}.scan(t, t.Context(),
					scan.Config{Targets: slices.Values(ranges(1, 3000, a)), Rate: c.rate})
				if wrong := wrongVerdicts(found, a, 3000); err != nil || !s.Complete || wrong > 0 {
					t.Errorf("%v there, %v/s, away for %v: %d of 3000 wrong, %v", c.delay, c.rate, away, wrong, err)
				}
				if lost := found.hosts[a].Loss.Unanswered; lost > 0 {
					t.Errorf("%v there, %v/s, away for %v: %d are taken for lost", c.delay, c.rate, away, lost)
				}
			})
		}
	}
}

// What a host answered before it went for good stands; of the rest nothing is claimed,
// and little is sent for it.
func TestHostGoesSilentForGood(t *testing.T) {
	for _, retries := range []int{0, -1, 3} {
		synctest.Test(t, func(t *testing.T) {
			a := target.Addr()
			found, s, err := world{Host: simnet.Away(everyTenth(4000), time.Second, forever), Config: over(0)}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(ranges(1, 4000, a)), Rate: 1000, Retries: retries})
			if !errors.Is(err, probe.ErrWentSilent) || s.Complete {
				t.Errorf("%v, complete %t", err, s.Complete)
			}
			unknown := 0
			for pair, v := range found.ports {
				switch {
				case v.State == probe.StateUnknown && v.Reason == probe.ReasonWentSilent && v.Confidence == 0:
					unknown++
				case v.State == probe.StateFiltered:
					t.Fatalf("%v: %+v", pair, v)
				}
			}
			if len(found.ports) != 4000 || unknown < 2950 || unknown > 3150 || uint64(unknown) != s.WentSilent {
				t.Errorf("%d verdicts, %d unknown, %d of them counted", len(found.ports), unknown, s.WentSilent)
			}
			if s.Took > 13*time.Second || s.Sent > 2500 {
				t.Errorf("retries %d: took %v, %d sent", retries, s.Took, s.Sent)
			}
			if f := found.hosts[a].Findings; len(f) != 1 || f[0].Code != "went-silent" {
				t.Errorf("findings %+v", f)
			}
		})
	}
}

// One of several hosts that goes away is a finding about that host.
func TestOneOfSeveralHostsGoesSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := addresses(4)
		host := everyTenth(500)
		gone := simnet.Away(host, 100*ms, forever)
		all := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Dst.Addr() == hosts[1] {
				gone.Respond(now, in, out)
			} else {
				host.Respond(now, in, out)
			}
		})
		found, s, err := world{Host: all, Config: over(0)}.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(1, 500, hosts...)), Rate: 2000})
		if err != nil || !s.Complete || s.WentSilent == 0 || s.WentSilent != s.States[probe.StateUnknown] {
			t.Errorf("%v, %+v", err, s)
		}
		for i, h := range hosts {
			wrong, findings := wrongVerdicts(found, h, 500), len(found.hosts[h].Findings)
			if i == 1 && (uint64(wrong) != s.WentSilent || findings != 1) || i != 1 && wrong+findings > 0 {
				t.Errorf("host %d: %d wrong, %d findings", i, wrong, findings)
			}
		}
	})
}

// Filtered ports of a host that answers elsewhere, on good networks and bad ones, are
// no outage.
func TestFilteredPortsAreNoOutage(t *testing.T) {
	for _, loss := range []float64{0, 0.05, 0.2, 0.4} {
		synctest.Test(t, func(t *testing.T) {
			host := simnet.Linux(22, 80, 443)
			host.Default = simnet.Dropped{}
			found, s, err := world{Host: host, Config: over(loss)}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(ranges(1, 3000, target.Addr())), Rate: 5000, Key: [16]byte{1}})
			if err != nil || !s.Complete || s.WentSilent > 0 || s.States[probe.StateFiltered] < 2997 {
				t.Errorf("loss %v: %v, %+v", loss, err, s)
			}
			for pair, v := range found.ports {
				if v.State == probe.StateFiltered && (v.Confidence < 0.98 || v.Reason != probe.ReasonNoResponse) {
					t.Fatalf("loss %v: %v %+v", loss, pair, v)
				}
			}
			if loss == 0 && (s.Sent > 6100 || s.Took > 3*time.Second) {
				t.Errorf("%d sent in %v", s.Sent, s.Took)
			}
		})
	}
}

// Where most is lost, ten seconds of silence are no absence yet.
func TestSilenceOverMuchLossIsWatchedLonger(t *testing.T) {
	probetest.Plain(t)
	const runs, most = 30, 8 // about half are wrong where ten seconds end every watch, and one in twenty otherwise
	wrong := 0
	for range runs {
		synctest.Test(t, func(t *testing.T) {
			host := simnet.Away(everyTenth(300), 2*time.Second, 14*time.Second)
			_, s, _ := world{Host: host, Config: over(0.6)}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(ranges(1, 300, target.Addr())), Rate: 100})
			if s.WentSilent > 0 {
				wrong++
			}
		})
	}
	if wrong > most {
		t.Errorf("%d of %d hosts are said to have gone", wrong, runs)
	}
}

// Nor are those of a host that answers on most of its ports: once these are done, nothing
// but silence is left.
func TestManyFilteredPortsAfterManyAnswers(t *testing.T) {
	for loss, most := range map[float64]struct {
		sent uint64
		took time.Duration
	}{
		0:    {600 + 4*400 + 50, 2500 * time.Millisecond}, // twice, and again since it seemed once that the host was away
		0.05: {600 + 9*400, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			host := simnet.OnPorts(simnet.Linux(10, 20, 30), func(port uint16) bool { return port <= 600 })
			_, s, err := world{Host: host, Config: over(loss)}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(ranges(1, 1000, target.Addr())), Rate: 5000})
			if err != nil || !s.Complete || s.WentSilent > 0 || s.States[probe.StateFiltered] < 400 || s.States[probe.StateFiltered] > 405 {
				t.Errorf("loss %v: %v, %+v", loss, err, s)
			}
			if s.Sent > most.sent || s.Took > most.took {
				t.Errorf("loss %v: %d sent in %v", loss, s.Sent, s.Took)
			}
		})
	}
}

// An interrupt does not wait for a host to come back, and claims nothing of what waits.
func TestInterruptDuringASilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		found, s, err := world{Host: simnet.Away(everyTenth(2000), time.Second, forever), Config: over(0)}.scan(t, ctx,
			scan.Config{Targets: slices.Values(ranges(1, 2000, target.Addr())), Rate: 1000})
		if !errors.Is(err, probe.ErrInterrupted) || s.Complete || s.Took > 6*time.Second {
			t.Errorf("%v, %+v", err, s)
		}
		for pair, v := range found.ports {
			if v.State == probe.StateFiltered {
				t.Fatalf("%v: %+v", pair, v)
			}
		}
	})
}

// A host whose few open ports come early has not gone silent when nothing follows.
func TestFewOpenPortsComeEarly(t *testing.T) {
	for first := range 8 {
		synctest.Test(t, func(t *testing.T) {
			way := simnet.Path{Delay: time.Millisecond}
			n := simnet.New(simnet.Config{Out: way, Back: way})
			a := netip.MustParseAddr("10.0.0.1")
			n.Handle(netip.PrefixFrom(a, 32), simnet.Mux{
				Ports:   map[uint16]simnet.Host{uint16(1 + first): &simnet.Listener{}, uint16(3 + 2*first): &simnet.Listener{}},
				Default: simnet.Dropped{},
			})
			conn := n.Conn(13)
			defer conn.Close()
			found := states{}
			sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(ranges(1, 600, a))}, found)
			if err != nil || found[probe.StateOpen] != 2 || found[probe.StateFiltered] != 598 || sum.Sent > 1220 || sum.Took > 1500*time.Millisecond {
				t.Errorf("%d silent ports before: %v, %d sent in %v, %v", first, found, sum.Sent, sum.Took, err)
			}
		})
	}
}

// An answer may come so late that its port waits for the witness by then: it ends the suspicion, and is
// the verdict on its port all the same.
func TestAnswerLaterThanTheWitness(t *testing.T) {
	for _, last := range []simnet.Host{&simnet.Listener{}, simnet.Closed{}} {
		for late := uint16(60); late < 105; late++ {
			inBubble(t, fmt.Sprint(late), func(t *testing.T) {
				then := simnet.OnPorts(simnet.Slow(last, 250*ms), func(port uint16) bool { return port == late })
				host := after(50, everyTenth(200), then)
				found, _, err := world{Host: host, Config: over(0)}.scan(t, t.Context(),
					scan.Config{Targets: slices.Values(ranges(1, 200, target.Addr())), Rate: 300, Retries: -1})
				v := found.ports[netip.AddrPortFrom(target.Addr(), late)]
				if want := []probe.State{probe.StateOpen, probe.StateRefused}; !slices.Contains(want, v.State) || len(found.ports) != 200 {
					t.Errorf("%v is %v (%v): %v", v.Target, v.State, v.Reason, err)
				}
			})
		}
	}
}

// Of a host that has answered on a few ports nobody knows how much is lost, and its silence for ten seconds may be loss.
func TestSilenceAfterFewAnswersIsNoAbsence(t *testing.T) {
	const runs, most = 100, 1 // 3 are wrong where the loss is taken for what these few answers show
	wrong := 0
	for key := range byte(runs) {
		synctest.Test(t, func(t *testing.T) {
			host := simnet.Linux(22, 80, 443)
			host.Default = simnet.Dropped{}
			_, s, _ := world{Host: host, Config: over(0.5)}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(ranges(1, 100, target.Addr())), Rate: 30, Key: [16]byte{key}})
			if s.WentSilent > 0 {
				wrong++
			}
		})
	}
	if t.Logf("%d of %d", wrong, runs); wrong > most {
		t.Errorf("%d of %d hosts are said to have gone", wrong, runs)
	}
}
