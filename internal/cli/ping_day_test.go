package cli

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"synscope/internal/report"
	"synscope/probe/ping"
	"synscope/probe/simnet"
)

// A day of probes at one a second, under virtual time, with losses:
// memory after the day is what it was after the first
// hours, and every probe is accounted for.
func TestADayOfMetrics(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
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
			series.add(&s, true)
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
		page := httptest.NewRecorder()
		metrics.Handler().ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
		if !strings.Contains(page.Body.String(), `synscope_ping_probes_sent_total{addr="198.51.100.7",port="80",target="web"} 86400`) {
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
