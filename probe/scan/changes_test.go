package scan_test

import (
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

// after is a host in whose place something else answers after so many SYNs.
func after(syns int, host, then simnet.Host) simnet.Host {
	n := 0
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Flags == craft.SYN {
			n++
		}
		if n <= syns {
			host.Respond(now, in, out)
		} else {
			then.Respond(now, in, out)
		}
	})
}

// Who begins to answer for a host in mid-scan, after whatever number of SYNs, is
// told of; a host that stays as it was is not, and little is asked twice of it.
func TestAnswersThatChange(t *testing.T) {
	const ports = 300
	for _, tc := range []struct {
		name string
		then simnet.Host // nil: nothing changes
		want string
	}{
		{"banned by resets", simnet.Closed{}, "answers-changed"},
		{"banned by ICMP errors", probetest.Reject(3, 13), "answers-changed"},
		{"a SYN proxy steps in", probetest.Listener(), "answers-changed"},
		{"banned by silence", simnet.Dropped{}, "went-silent"},
		{"unchanged", nil, ""},
	} {
		for _, syns := range []int{30, 60, 150, 280} {
			synctest.Test(t, func(t *testing.T) {
				host := simnet.Host(everyTenth(ports))
				if tc.then != nil {
					host = after(syns, host, tc.then)
				}
				found, s, _ := world{Host: host, Config: over(0)}.scan(t, t.Context(),
					scan.Config{Targets: slices.Values(ranges(1, ports, target.Addr())), Rate: 1000, Canaries: true})
				codes := map[string]bool{}
				for _, f := range found.hosts[target.Addr()].Findings {
					codes[f.Code] = true
				}
				if tc.want != "" && !codes[tc.want] || tc.want == "" && len(codes) > 0 {
					t.Errorf("%s after %d SYNs: %v, want %q", tc.name, syns, codes, tc.want)
				}
				if tc.then == nil && s.Sent > ports+8 {
					t.Errorf("%s: %d SYNs for %d ports", tc.name, s.Sent, ports)
				}
				if l := found.hosts[target.Addr()].Loss; l.Unanswered > 0 && tc.want != "went-silent" {
					t.Errorf("%s after %d SYNs: %d of %d transmissions are said to be lost", tc.name, syns, l.Unanswered, l.Sent)
				}
				if s.Probes != ports || s.States[probe.StateUnknown] > 0 && tc.want != "went-silent" {
					t.Errorf("%s: %+v", tc.name, s)
				}
			})
		}
	}
}

// crowd is a host that keeps so many connections at a time, and refuses what is beyond.
func crowd(most int, host simnet.Host) simnet.Host {
	open := map[[2]uint16]bool{}
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		key := [2]uint16{in.Src.Port(), in.Dst.Port()}
		switch {
		case in.Flags.Has(craft.RST):
			delete(open, key)
		case in.Flags == craft.SYN && !open[key]:
			if len(open) >= most {
				simnet.Closed{}.Respond(now, in, out)
				return
			}
			if in.Dst.Port()%10 == 0 {
				open[key] = true
			}
		}
		host.Respond(now, in, out)
	})
}

// perSecond is a host before a limit of SYNs a second: what is beyond gets the answer of another.
func perSecond(rate float64, host, beyond simnet.Host) simnet.Host {
	var last time.Time
	tokens := rate
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Flags != craft.SYN {
			host.Respond(now, in, out)
			return
		}
		if !last.IsZero() {
			tokens = min(rate, tokens+rate*now.Sub(last).Seconds())
		}
		if last = now; tokens < 1 {
			beyond.Respond(now, in, out)
			return
		}
		tokens--
		host.Respond(now, in, out)
	})
}

// Limits that refuse are told of; a host without one is asked little more.
func TestRefusedUnderLoad(t *testing.T) {
	const ports = 600
	for _, tc := range []struct {
		name string
		host simnet.Host
		want bool
	}{
		{"1 connection at a time", crowd(1, everyTenth(ports)), true},
		{"2 connections at a time", crowd(2, everyTenth(ports)), true},
		{"20 SYNs a second, RST", perSecond(20, everyTenth(ports), simnet.Closed{}), true},
		{"100 SYNs a second, RST", perSecond(100, everyTenth(ports), simnet.Closed{}), true},
		{"20 SYNs a second, ICMP", perSecond(20, everyTenth(ports), probetest.Reject(3, 13)), true},
		{"100 connections at a time", crowd(100, everyTenth(ports)), false},
		{"no limit", everyTenth(ports), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			found, s, _ := world{Host: tc.host, Config: over(0)}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(ranges(1, ports, target.Addr())), Rate: 1000, Canaries: true})
			told := false
			for _, f := range found.hosts[target.Addr()].Findings {
				told = told || f.Code == "refused-under-load" || f.Code == "answers-changed"
			}
			if told != tc.want {
				t.Errorf("%s: %v, want told %t", tc.name, found.hosts[target.Addr()].Findings, tc.want)
			}
			if !tc.want && s.Sent > ports+40 {
				t.Errorf("%s: %d SYNs for %d ports", tc.name, s.Sent, ports)
			}
		})
	}
}

// Ports that are refused since others are open are asked again when none is.
func TestRefusedUnderLoadIsAskedAgain(t *testing.T) {
	const ports = 600
	for most, least := range map[int]int{1: 40, 2: 58, 3: 59, 8: 60} { // where one fits, those that are asked again displace each other
		for _, rate := range []float64{0, 1000} {
			synctest.Test(t, func(t *testing.T) {
				found, s, err := world{Host: crowd(most, everyTenth(ports)), Config: over(0)}.scan(t, t.Context(),
					scan.Config{Targets: slices.Values(ranges(1, ports, target.Addr())), Rate: rate, Canaries: true})
				open, wrong := 0, 0
				for pair, v := range found.ports {
					switch isOpen := v.State == probe.StateOpen; {
					case isOpen && pair.Port()%10 == 0:
						open++
					case isOpen || v.State != probe.StateRefused:
						wrong++
					}
				}
				t.Logf("%d at a time, %v a second: %d of 60 open, %d wrong, %d SYNs, %v", most, rate, open, wrong, s.Sent, s.Took)
				if err != nil || open < least || wrong > 0 || len(found.ports) != ports || s.Probes != ports || s.Sent > 3*ports || s.Took > 12*time.Second {
					t.Errorf("%d at a time, %v a second: %d of 60 open, %d wrong of %d, %d SYNs, %v, %v", most, rate, open, wrong, len(found.ports), s.Sent, s.Took, err)
				}
			})
		}
	}
}

// Where no port was open none is asked again: not port 0 either, which nobody named.
func TestNothingOpenIsNotAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{Out: simnet.Path{Delay: time.Millisecond}, Back: simnet.Path{Delay: time.Millisecond}})
		a := netip.MustParseAddr("10.0.0.1")
		asked := map[uint16]int{}
		n.Handle(netip.PrefixFrom(a, 32), simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			asked[in.Dst.Port()]++
			simnet.Closed{}.Respond(now, in, out)
		}))
		conn := n.Conn(13)
		defer conn.Close()
		found := states{}
		sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(ranges(1, 600, a)), Canaries: true}, found)
		if err != nil || found[probe.StateRefused] != 600 || sum.Sent != 600 || len(asked) != 600 {
			t.Errorf("%v, %d sent to %d ports, %v", found, sum.Sent, len(asked), err)
		}
	})
}
