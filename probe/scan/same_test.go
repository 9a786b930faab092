package scan_test

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// without has a host answer without time stamps.
func without(h func() simnet.Host) func() simnet.Host {
	return func() simnet.Host { return probetest.Unstamped(h()) }
}

// linux makes hosts that refuse all ports but some, firewalled such that drop what comes for others.
func linux(open ...uint16) func() simnet.Host {
	return func() simnet.Host { return simnet.Linux(open...) }
}

func firewalled(open ...uint16) func() simnet.Host {
	return func() simnet.Host {
		h := simnet.Linux(open...)
		h.Default = simnet.Dropped{}
		return h
	}
}

// A host that answers retransmissions alone is seen as it is, whatever is asked of it, within
// three packets a port.
func TestRetransmissionRequired(t *testing.T) {
	for _, tc := range []struct {
		name   string
		host   func() simnet.Host
		addr   string
		ports  uint16
		rtt    time.Duration
		proven bool
	}{
		{"one port", linux(80), "198.51.100.7", 1, 30 * ms, true},
		{"one port, IPv6", linux(80), "2001:db8:1::7", 1, 30 * ms, true},
		{"one port, no time stamps", without(linux(80)), "198.51.100.7", 1, 0, true},
		{"some", linux(80, 85), "198.51.100.7", 8, 30 * ms, true},
		{"many", linux(80, 85, 400), "198.51.100.7", 1000, 30 * ms, true},
		{"many, IPv6", linux(80, 85, 400), "2001:db8:1::7", 1000, 30 * ms, true},
		{"many, no time stamps", without(linux(80, 85, 400)), "198.51.100.7", 1000, 0, true},
		{"many and silent", firewalled(80, 85, 400), "2001:db8:1::7", 1000, 30 * ms, true},
	} {
		for _, watch := range []bool{true, false} {
			t.Run(tc.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := probetest.NewPersistent(tc.host())
					w := world{Host: p, Config: simnet.Config{Out: simnet.Path{Delay: 10 * ms}, Back: simnet.Path{Delay: 20 * ms}}}
					if watch {
						w.Opts = append(w.Opts, simnet.WatchOutgoing())
					}
					a := netip.MustParseAddr(tc.addr)
					found, sum, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(80, 79+tc.ports, a)), Canaries: true})
					if err != nil {
						t.Fatal(err)
					}
					for _, port := range []uint16{80, 85, 400} {
						v, asked := found.ports[netip.AddrPortFrom(a, port)]
						if asked && (v.State != probe.StateOpen || v.RTT != tc.rtt && v.RTT != 0 || tc.ports == 1 && v.RTT != tc.rtt) {
							t.Errorf("%v: %v (%v), RTT %v; want open with %v", v.Target, v.State, v.Reason, v.RTT, tc.rtt)
						}
					}
					refused := sum.States[probe.StateRefused]
					if mux, _ := p.Host.(simnet.Mux); mux.Default != nil {
						refused = sum.States[probe.StateFiltered]
					}
					if int(refused) < int(tc.ports)-3 {
						t.Errorf("states %v", sum.States)
					}
					for target, n := range p.SYNs {
						if n > 3 {
							t.Errorf("%d SYNs to %v", n, target)
						}
					}
					h := found.hosts[a]
					if got := probetest.Found(h.Findings, probetest.Required); got != tc.proven || h.State != probe.HostUp || h.Loss.Unanswered != 0 {
						t.Errorf("host %v, findings %v, loss %v", h.State, h.Findings, h.Loss)
					}
					t.Log(sum.Took, sum.Sent, h.Findings)
				})
			})
		}
	}
}

// Retransmissions that are sent beside the engine, late or in vain at first, are told from what
// they retransmit all the same.
func TestRetransmissionBesideTheEngine(t *testing.T) {
	for _, refuses := range []uint64{0, 7} {
		inBubble(t, fmt.Sprint(refuses), func(t *testing.T) {
			p := probetest.NewPersistent(simnet.Linux(80, 85, 400))
			b := besides{world{Host: p, Config: tenEachWay}, scan.Config{Rate: math.Inf(1)}, func(n *twoLanes) {
				tried := uint64(0)
				n.after = 40 * ms
				n.refuse = func([]byte) error {
					if tried++; refuses > 0 && tried%refuses == 0 {
						return syscall.EAGAIN
					}
					return nil
				}
			}}
			found, sum, n := b.run(t, ranges(1, 500, target.Addr()))
			if n.beside == 0 || sum.States[probe.StateOpen] != 3 || sum.States[probe.StateRefused] != 497 {
				t.Errorf("%v, %d sent beside", sum.States, n.beside)
			}
			for _, v := range found.ports {
				if v.RTT != 0 && (v.RTT-20*ms).Abs() > time.Microsecond {
					t.Errorf("%v took %v of 20 ms, attempt %d", v.Target, v.RTT, v.Attempts)
				}
			}
		})
	}
}

// Answers that take longer than a second are no answers to retransmissions: none is told a round
// trip that it did not have, and nobody is told that a retransmission is required.
func TestSlowAnswersRequireNoRetransmission(t *testing.T) {
	for _, host := range []func() simnet.Host{linux(80, 400), without(linux(80, 400)), firewalled(80, 400), without(firewalled(80, 400))} {
		for _, ports := range []uint16{1, 5, 500} {
			for _, delay := range []time.Duration{550 * ms, 750 * ms, 950 * ms} {
				synctest.Test(t, func(t *testing.T) {
					w := world{Host: host(), Config: simnet.Config{Out: simnet.Path{Delay: delay}, Back: simnet.Path{Delay: delay}}}
					found, _, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(80, 79+ports, target.Addr()))})
					h := found.hosts[target.Addr()]
					if v := found.ports[target]; err != nil || v.State != probe.StateOpen || h.State != probe.HostUp || len(h.Findings) > 0 {
						t.Errorf("%d ports, %v each way: %v, host %v %v: %v", ports, delay, v.State, h.State, h.Findings, err)
					}
					for _, v := range found.ports {
						if v.RTT != 0 && v.RTT != 2*delay {
							t.Errorf("%d ports: %v took %v, not %v", ports, v.Target, v.RTT, 2*delay)
						}
					}
				})
			}
		}
	}
}

// A SYN-ACK that is lost comes again for a retransmission of its SYN, with the time stamp of
// the first: that is neither a round trip nor a retransmission that was required.
func TestRetransmittedForARetransmission(t *testing.T) {
	type synID struct {
		src, dst netip.AddrPort
		seq      craft.Seq
	}
	synctest.Test(t, func(t *testing.T) {
		l := &simnet.Listener{}
		stamps := map[synID]uint32{}
		host := simnet.Mangle(simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			id := synID{in.Src, in.Dst, in.Seq}
			val, _, _ := in.Options.Timestamps()
			if _, again := stamps[id]; !again && in.Flags == craft.SYN {
				stamps[id] = val
				return
			}
			l.Respond(now, in, out)
		}), func(s *craft.Segment) {
			if val, _, ok := s.Options.Timestamps(); ok {
				ecr := stamps[synID{s.Dst, s.Src, s.Ack.Add(^uint32(0))}]
				s.Options, _ = craft.NewOptions(craft.Timestamps(val, ecr))
			}
		})
		w := world{Host: host, Config: simnet.Config{Out: simnet.Path{Delay: 10 * ms}, Back: simnet.Path{Delay: 20 * ms}}}
		found, _, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values([]netip.AddrPort{target})})
		if v := found.ports[target]; err != nil || v.State != probe.StateOpen || v.RTT != 0 || len(found.hosts[target.Addr()].Findings) > 0 {
			t.Errorf("%v, RTT %v, %v: %v", v.State, v.RTT, found.hosts[target.Addr()].Findings, err)
		}
	})
}

// Where packets are lost, that is learnt from the answers to retransmissions too, and hardly any host is
// told to require them.
func TestLossRequiresNoRetransmission(t *testing.T) {
	for _, ports := range []uint16{1, 4} {
		for _, loss := range []float64{0, 0.01, 0.05, 0.2, 0.4} {
			synctest.Test(t, func(t *testing.T) {
				path := simnet.Path{Delay: 5 * ms, Loss: loss}
				n := simnet.New(simnet.Config{Seed: 1, Out: path, Back: path})
				all := ranges(80, 79+ports, addresses(250)...)
				for _, a := range addresses(250) {
					n.HandleAddr(a.String(), simnet.Linux(80, 81, 82, 83))
				}
				found, sum, err := scanNet(t, n, scan.Config{Targets: slices.Values(all), HostsKnown: true, Key: [16]byte{1}})
				told := 0
				for _, h := range found.hosts {
					told += len(h.Findings)
				}
				if missed := len(all) - int(sum.States[probe.StateOpen]); err != nil || missed > len(all)/100 || told > 1 {
					t.Errorf("%d ports, %v lost each way: %d of %d missed, %d hosts told to require retransmissions: %v", ports, loss, missed, len(all), told, err)
				}
				t.Log(ports, loss, sum.States, told, sum.Sent, sum.Took)
			})
		}
	}
}

// A search by one port finds hosts that answer retransmissions alone. Where each has one port, nothing
// tells them from hosts behind loss, and so other addresses are asked as often as for that.
func TestSearchRetransmits(t *testing.T) {
	for _, stamps := range []func(func() simnet.Host) func() simnet.Host{without, func(h func() simnet.Host) func() simnet.Host { return h }} {
		synctest.Test(t, func(t *testing.T) {
			p := probetest.NewPersistent(stamps(linux(443))())
			n, all := sparse(20, 443, 0, p)
			up, found, sum := lookByPort(t, n, all, 443)
			if up != 20 || sum.Sent > 10*250 {
				t.Errorf("%d of 20 found by %d packets", up, sum.Sent)
			}
			for _, v := range found.ports {
				if v.State != probe.StateOpen || v.RTT != 0 && v.RTT != 10*ms {
					t.Errorf("%v: %v, RTT %v", v.Target, v.State, v.RTT)
				}
			}
		})
	}
}

// A host that wakes up, and answers then whatever has come, in any order, requires no retransmission.
func TestWakingHostRequiresNoRetransmission(t *testing.T) {
	for _, latestFirst := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			began, came := time.Now(), 0
			h := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
				if in.Flags != craft.SYN {
					return
				}
				wait := 2500*ms - now.Sub(began) + time.Duration(came)*time.Microsecond
				if latestFirst {
					wait -= time.Duration(2*came) * time.Microsecond
				}
				came++
				out.Segment(wait, &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 60, Seq: 1, Ack: in.Seq.Add(1), Flags: craft.SYN | craft.ACK, Window: 64240})
			})
			w := world{Host: h, Config: simnet.Config{Out: simnet.Path{Delay: 10 * ms}, Back: simnet.Path{Delay: 20 * ms}}}
			found, _, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(80, 81, target.Addr()))})
			if v := found.ports[target]; err != nil || v.State != probe.StateOpen || len(found.hosts[target.Addr()].Findings) > 0 {
				t.Errorf("%v, %v: %v", v.State, found.hosts[target.Addr()].Findings, err)
			}
		})
	}
}

// A host that answers retransmissions alone may be much farther away than those that have answered.
func TestRetransmissionToAFarHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{Out: simnet.Path{Delay: 5 * ms}, Back: simnet.Path{Delay: 5 * ms}})
		list := addresses(2)
		n.Handle(netip.PrefixFrom(list[0], 32), simnet.Linux(80))
		n.Handle(netip.PrefixFrom(list[1], 32), simnet.Slow(probetest.NewPersistent(simnet.Linux(80, 90)), 340*ms))
		found, _, err := scanNet(t, n, scan.Config{Targets: slices.Values(ranges(80, 119, list...))})
		for _, target := range ranges(80, 119, list[1]) {
			if v := found.ports[target]; v.State != probe.StateOpen && v.State != probe.StateRefused {
				t.Errorf("%v is %v (%v): %v", target, v.State, v.Reason, err)
			}
		}
	})
}

// The retransmission to a host that answers nothing leaves after a second, and costs no more time than
// that and a wait for its answer.
func TestRetransmissionCostsASecond(t *testing.T) {
	for _, ports := range []uint16{1, 5, 300} {
		synctest.Test(t, func(t *testing.T) {
			n := simnet.New(simnet.Config{Out: simnet.Path{Delay: ms}, Back: simnet.Path{Delay: ms}})
			n.HandleAddr("198.51.100.0", simnet.Linux(80))
			_, sum, err := scanNet(t, n, scan.Config{Targets: slices.Values(ranges(80, 79+ports, addresses(2)...))})
			if limit := 1750 * ms; err != nil || sum.States[probe.StateFiltered] != uint64(ports) || sum.Took > limit {
				t.Errorf("%d ports of a silent host: %v in %v: %v", ports, sum.States, sum.Took, err)
			}
		})
	}
}
