package scan_test

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// between is a host in whose stead another answers from one moment, counted from its making, to
// another.
func between(host, other simnet.Host, from, to time.Duration) simnet.Host {
	start := time.Now()
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if since := now.Sub(start); since < from || since > to {
			host.Respond(now, in, out)
		} else {
			other.Respond(now, in, out)
		}
	})
}

// A router that finds no way to a host for a moment tells nothing of the ports of one that has answered
// before and does so again; and it refuses nothing.
func TestRouterLosesAHostForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := target.Addr()
		host := between(everyTenth(600), rejects("203.0.113.1", 3, 1), 500*ms, 3*time.Second)
		found, s, err := world{Host: host, Config: over(0)}.scan(t, t.Context(),
			scan.Config{Targets: slices.Values(ranges(1, 600, a)), Rate: 100, Canaries: true})
		if wrong := wrongVerdicts(found, a, 600); err != nil || wrong > 0 {
			t.Errorf("%d of 600 wrong: %v, %v", wrong, s.States, err)
		}
		if s.Sent > 3*600 {
			t.Errorf("%d sent", s.Sent)
		}
		for _, f := range found.hosts[a].Findings {
			if f.Code == "refused-under-load" {
				t.Errorf("%+v", f)
			}
		}
	})
}

// A router that says the same of some ports while the host answers on others is asked again
// about few of them.
func TestRouterRejectsSomePorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := target.Addr()
		up, rejected := everyTenth(3000), rejects("203.0.113.1", 3, 1)
		host := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Dst.Port()%2 == 0 {
				up.Respond(now, in, out)
			} else {
				rejected.Respond(now, in, out)
			}
		})
		found, s, err := world{Host: host, Config: over(0)}.scan(t, t.Context(),
			scan.Config{Targets: slices.Values(ranges(1, 3000, a)), Rate: 500})
		if err != nil || s.States[probe.StateFiltered] != 1500 || s.Sent > 4000 {
			t.Errorf("%v, %d sent, %v", s.States, s.Sent, err)
		}
		if v := found.ports[netip.AddrPortFrom(a, 301)]; v.Reason != "host-unreachable" {
			t.Errorf("%+v", v)
		}
	})
}

// A host that goes for good while its refusals are limited is known to be gone as soon as any other,
// though many answers were missing before.
func TestLimitedHostGoesSilentForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := target.Addr()
		var next time.Time
		limited := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Dst.Port()%100 != 0 {
				if now.Before(next) {
					return
				}
				next = now.Add(10 * ms)
			}
			everyTenth(0).Respond(now, in, out)
		})
		_, s, _ := world{Host: simnet.Away(limited, 1500*ms, forever), Config: over(0)}.scan(t, t.Context(),
			scan.Config{Targets: slices.Values(ranges(1, 346, a))})
		if s.Took > 15000*ms || s.WentSilent == 0 || s.Sent > 1600 {
			t.Errorf("took %v, %d sent, %d went silent", s.Took, s.Sent, s.WentSilent)
		}
	})
}
