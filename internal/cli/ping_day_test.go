package cli

import (
	"context"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"synscope/internal/plainhttp"
	"synscope/internal/report"
	"synscope/probe/ping"
	"synscope/probe/simnet"
)

// A day of probes at one a second, under virtual time, with losses:
// memory after the day is what it was after the first
// hours, and every probe is accounted for.
func TestADayOfMetrics(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: 86,400 probes")
	}
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{Seed: 1,
			Out:  simnet.Path{Delay: 3 * time.Millisecond, Jitter: time.Millisecond, Loss: 0.01},
			Back: simnet.Path{Delay: 3 * time.Millisecond},
		})
		n.Handle(netip.MustParsePrefix("198.51.100.0/24"), simnet.Closed{})
		conn := n.Conn(8, simnet.WatchOutgoing())
		defer conn.Close()
		pair := netip.MustParseAddrPort("198.51.100.7:80")
		metrics := report.NewMetrics(Version, "raw")
		metrics.Watch("web", pair)
		series := newPingSeries("web", pair, 1, 8)

		const day = 24 * 3600
		var early, late uint64
		_, err := ping.Run(context.Background(), conn, ping.Config{Targets: []netip.AddrPort{pair}, Count: day}, func(s ping.Sample) error {
			series.add(&s)
			series.follow(&s, time.Time{})
			metrics.Observe("web", &s)
			switch s.N {
			case 6 * 3600:
				early = heap()
			case day - 10:
				late = heap()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		sum := series.Summary()
		t.Logf("%d sent, %d lost; heap %d kB after six hours, %d kB after a day", sum.Sent, sum.Lost, early/1024, late/1024)
		if sum.Sent != day || sum.Lost < day/200 || sum.Lost > day/50 {
			t.Errorf("%d sent, %d lost", sum.Sent, sum.Lost)
		}
		if late > early+early/10+64<<10 {
			t.Errorf("memory grew from %d to %d bytes", early, late)
		}
		page := metrics.Handler()(t.Context(), &plainhttp.Request{})
		if !strings.Contains(string(page.Body), `synscope_ping_probes_sent_total{addr="198.51.100.7",port="80",target="web"} 86400`) {
			t.Errorf("%s", page.Body)
		}
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A week of cron runs, one every ten minutes, under virtual time: nothing is left of
// one that the next has to carry, in the engine or in the hosts that it probed.
func TestAWeekOfCronRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{Seed: 2,
			Out:  simnet.Path{Delay: 3 * time.Millisecond, Jitter: time.Millisecond, Loss: 0.05},
			Back: simnet.Path{Delay: 3 * time.Millisecond, Loss: 0.05},
		})
		n.Handle(netip.MustParsePrefix("198.51.100.0/24"), simnet.Linux(80))
		const runs = 7 * 24 * 6
		var early, late uint64
		var goroutines int
		for i := range runs {
			cronRun(t, n)
			synctest.Wait()
			switch i {
			case 100:
				early, goroutines = heap(), runtime.NumGoroutine()
			case runs - 1:
				late = heap()
			}
			time.Sleep(10 * time.Minute)
		}
		t.Logf("%d runs: heap %d kB after a hundred, %d kB at the end", runs, early/1024, late/1024)
		if late > early+early/10+64<<10 || runtime.NumGoroutine() > goroutines {
			t.Errorf("memory grew from %d to %d bytes, goroutines from %d to %d", early, late, goroutines, runtime.NumGoroutine())
		}
	})
}

// cronRun is what ping -c 5 -i 200ms does with two targets, one of which refuses.
func cronRun(t *testing.T, n *simnet.Net) {
	conn := n.Conn(8, simnet.WatchOutgoing())
	defer conn.Close()
	targets := []netip.AddrPort{netip.MustParseAddrPort("198.51.100.7:80"), netip.MustParseAddrPort("198.51.100.7:81")}
	series := []*pingSeries{newPingSeries("a", targets[0], 2, 18), newPingSeries("b", targets[1], 2, 18)}
	_, err := ping.Run(context.Background(), conn, ping.Config{Targets: targets, Count: 5, Interval: 200 * time.Millisecond}, func(s ping.Sample) error {
		series[s.Index].add(&s)
		series[s.Index].follow(&s, time.Time{})
		return nil
	})
	if err != nil || series[0].Summary().Sent < 5 || series[1].Summary().Sent < 5 {
		t.Fatalf("%v, %+v", err, series[0].Summary())
	}
}
