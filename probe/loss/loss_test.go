package loss

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 29, 14, 2, 0, 0, time.UTC)

// series are probes a second apart; lost says of each whether it was, and its port.
func series(n int, ports []uint16, lost func(i int, port uint16) bool) (list []Probe) {
	for i := range n {
		port := ports[i%len(ports)]
		list = append(list, Probe{N: uint64(i + 1), Sent: noon.Add(time.Duration(i) * time.Second), Port: port, Lost: lost(i, port)})
	}
	return list
}

func tracked(list []Probe) (*Tracker, []Window) {
	t := NewTracker(8)
	var told []Window
	for _, p := range list {
		told = append(told, t.Add(p)...)
	}
	return t, append(told, t.End()...)
}

var two = []uint16{40000, 40001}

// "Down 14:02:07 to 14:02:19, 12 probes": whatever order the probes end in.
func TestWindow(t *testing.T) {
	list := series(60, two, func(i int, _ uint16) bool { return i >= 7 && i < 19 })
	late := slices.Clone(list)
	for i := 0; i+5 < len(late); i += 5 { // losses are known later than answers
		late[i], late[i+4] = late[i+4], late[i]
	}
	for name, probes := range map[string][]Probe{"in order": list, "late": late} {
		tr, told := tracked(probes)
		want := Window{From: noon.Add(7 * time.Second), Last: noon.Add(18 * time.Second), To: noon.Add(19 * time.Second), Probes: 12}
		if len(told) != 1 || told[0] != want || len(tr.Windows()) != 1 {
			t.Errorf("%s: %+v, want %+v", name, told, want)
		}
		if c := tr.Clusters(); len(c) > 0 {
			t.Errorf("%s: clusters beside the window: %+v", name, c)
		}
	}
	_, told := tracked(list[:15])
	if len(told) != 1 || told[0].Over() || told[0].Probes != 8 {
		t.Errorf("a window that lasts: %+v", told)
	}
}

// A short series in which all is lost shows a loss, and no window.
func TestShortSeriesShowsNothing(t *testing.T) {
	if _, told := tracked(series(3, two, func(int, uint16) bool { return true })); len(told) > 0 {
		t.Errorf("%+v", told)
	}
}

// Probes that could not be sent are a window and no cluster.
func TestUnsent(t *testing.T) {
	list := series(40, two, func(i int, _ uint16) bool { return i >= 10 && i < 15 })
	for i := 10; i < 15; i++ {
		list[i].Unsent = true
	}
	tr, told := tracked(list)
	if len(told) != 1 || told[0].Unsent != 5 || len(tr.Clusters()) != 0 {
		t.Errorf("%+v %+v", told, tr.Clusters())
	}
}

// What loses more is named, and nothing else.
func TestClusters(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	ports := []uint16{50001, 50000, 50003, 50002, 50005, 50004, 50007, 50006}
	bursts := map[int]bool{}
	for range 20 {
		at := chance.IntN(958)
		bursts[at], bursts[at+1] = true, true
	}
	for name, tc := range map[string]struct {
		lost func(i int, port uint16) bool
		want []By
	}{
		"one port":  {func(i int, port uint16) bool { return port == 50004 && i%16 < 8 }, []By{ByPort}},
		"parity":    {func(i int, port uint16) bool { return port&1 == 0 && chance.Float64() < 0.3 }, []By{ByParity}},
		"bursts":    {func(i int, _ uint16) bool { return bursts[i] }, []By{ByBurst}},
		"one time":  {func(i int, _ uint16) bool { return i >= 400 && i < 480 && i%4 == i/32%4 }, []By{ByTime}},
		"of minute": {func(i int, _ uint16) bool { return i%60 >= 30 && i%60 < 35 && i/60%5 == i%5 }, []By{ByMinute}},
		"nothing":   {func(i int, _ uint16) bool { return i%7 == 3 }, nil},
	} {
		tr, _ := tracked(series(960, ports, tc.lost))
		var found []By
		for _, c := range tr.Clusters() {
			found = append(found, c.By)
		}
		if !slices.Equal(found, tc.want) {
			t.Errorf("%s: %+v, want %v", name, tr.Clusters(), tc.want)
		}
	}
}

// Independent losses are named at most as often as is said; a window is rarer.
func TestFalseAlarms(t *testing.T) {
	const seed = 20261129
	chance := rand.New(rand.NewPCG(seed, 1))
	rounds, clusters, windows := 2000, 0, 0
	for range rounds {
		share := chance.Float64() / 2
		tr, told := tracked(series(400, two, func(int, uint16) bool { return chance.Float64() < share }))
		if len(tr.Clusters()) > 0 {
			clusters++
		}
		if len(told) > 0 {
			windows++
		}
	}
	t.Logf("seed %d: of %d series %d with a cluster, %d with a window", seed, rounds, clusters, windows)
	if limit := rounds * 2 / 100; clusters > limit || windows > limit {
		t.Errorf("seed %d: of %d series %d with a cluster, %d with a window", seed, rounds, clusters, windows)
	}
}

// The tails are those of counting every case.
func TestTailsAgainstCounting(t *testing.T) {
	const n = 12
	for lost := uint64(1); lost < n; lost++ {
		byRuns, byGroup, whole := map[uint64]float64{}, map[uint64]float64{}, 0.0
		for mask := range uint64(1 << n) {
			runs, set, inGroup := uint64(0), uint64(0), uint64(0)
			for i := range n {
				if mask>>i&1 == 0 {
					continue
				}
				set++
				if i < 5 {
					inGroup++
				}
				if i == 0 || mask>>(i-1)&1 == 0 {
					runs++
				}
			}
			if set == lost {
				whole++
				byRuns[runs]++
				byGroup[inGroup]++
			}
		}
		few, many := 0.0, 0.0
		for r := uint64(1); r <= lost; r++ {
			few += byRuns[r] / whole
			if got := fewRuns(n, lost, r); math.Abs(got-few) > 1e-9 {
				t.Errorf("%d lost: %g of at most %d runs, want %g", lost, got, r, few)
			}
		}
		for k := int64(5); k >= 0; k-- {
			many += byGroup[uint64(k)] / whole
			if got := upperTail(n, lost, 5, uint64(k)); math.Abs(got-many) > 1e-9 {
				t.Errorf("%d lost: %g of %d or more of five, want %g", lost, got, k, many)
			}
		}
	}
}

// A year of a bad line takes no more memory than a day of it.
func TestBounded(t *testing.T) {
	chance := rand.New(rand.NewPCG(3, 4))
	tr := NewTracker(8)
	for i := range 500_000 {
		down := i/100%7 == 0
		tr.Add(Probe{N: uint64(i + 1), Sent: noon.Add(time.Duration(i) * time.Minute), Port: uint16(i), Lost: down || chance.Float64() < 0.4})
	}
	if len(tr.windows) > mostWindows || len(tr.open) > mostCandidates || len(tr.counts.slices) > mostSlices || len(tr.counts.ports) > mostPorts || len(tr.waiting) > 8 {
		t.Errorf("%d windows, %d open, %d slices, %d ports", len(tr.windows), len(tr.open), len(tr.counts.slices), len(tr.counts.ports))
	}
}
