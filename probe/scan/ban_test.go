package scan_test

import (
	"fmt"
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

// banner is a firewall that drops everything for a while once it has seen more SYNs than its bucket has tokens.
type banner struct {
	*meter
	lasts time.Duration
	until time.Time
	times int
	renew bool // by each packet that comes while it lasts
}

func bansAt(h simnet.Host, rate, burst float64, lasts time.Duration) *banner {
	return &banner{meter: limitsSYNs(h, rate, burst), lasts: lasts}
}

func (b *banner) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	if now.Before(b.until) {
		if b.renew {
			b.until = now.Add(b.lasts)
		}
		return
	}
	if b.meter.Respond(now, in, out); b.dropped {
		b.dropped, b.until = false, now.Add(b.lasts)
		b.times++
	}
}

// A host whose firewall bans whoever sends too fast is scanned slowly enough, and what was asked in vain is asked again.
func TestBans(t *testing.T) {
	var fails []string
	for _, refuses := range []bool{true, false} {
		for _, rate := range []float64{20, 50, 200} {
			for _, lasts := range []time.Duration{time.Second, 3 * time.Second, 8 * time.Second} {
				synctest.Test(t, func(t *testing.T) {
					host, want := simnet.Host(simnet.Linux(22, 80, 443, 950)), probe.StateRefused
					if !refuses {
						host, want = firewalled(22, 80, 443, 950)(), probe.StateFiltered
					}
					b := bansAt(host, rate, rate, lasts)
					all := append(ranges(21, 30, target.Addr()), append(ranges(31, 1000, target.Addr()), ranges(1, 20, target.Addr())...)...)
					found, sum, err := world{Host: b, Config: over(0)}.scan(t, t.Context(),
						scan.Config{Targets: slices.Values(all), Total: 1000, Canaries: true, Key: [16]byte{1}})
					what := fmt.Sprintf("%v a second, %v: %v, %d bans, %d packets, %v, %v, %v", rate, lasts, sum.States, b.times, sum.Sent, sum.Took, probetest.Codes(found.hosts[target.Addr()].Findings), err)
					t.Log(what)
					if err != nil || sum.States[probe.StateOpen] != 4 || sum.States[want] != 996 {
						fails = append(fails, what)
					}
				})
			}
		}
	}
	for _, f := range fails {
		t.Error(f)
	}
}

// A ban that each further packet renews ends all the same: the host is left alone for a while.
func TestBansThatPacketsRenew(t *testing.T) {
	var fails []string
	for _, refuses := range []bool{true, false} {
		for _, lasts := range []time.Duration{time.Second, 3 * time.Second, 5 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				host, want := simnet.Host(simnet.Linux(22, 80, 443, 950)), probe.StateRefused
				if !refuses {
					host, want = firewalled(22, 80, 443, 950)(), probe.StateFiltered
				}
				b := bansAt(host, 50, 50, lasts)
				b.renew = true
				all := append(ranges(21, 30, target.Addr()), append(ranges(31, 1000, target.Addr()), ranges(1, 20, target.Addr())...)...)
				_, sum, err := world{Host: b, Config: over(0)}.scan(t, t.Context(),
					scan.Config{Targets: slices.Values(all), Total: 1000, Canaries: true, Key: [16]byte{1}})
				what := fmt.Sprintf("%v: %v, %d bans, %d packets, %v, %v", lasts, sum.States, b.times, sum.Sent, sum.Took, err)
				if t.Log(what); err != nil || sum.States[probe.StateOpen] != 4 || sum.States[want] != 996 {
					fails = append(fails, what)
				}
			})
		}
	}
	for _, f := range fails {
		t.Error(f)
	}
}
