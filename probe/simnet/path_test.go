package simnet

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
)

// count sends n SYNs, one a millisecond, to a closed port and counts the
// packets of the transcript by fate and direction.
func count(t *testing.T, cfg Config, n int) map[string]int {
	got := map[string]int{}
	synctest.Test(t, func(t *testing.T) {
		cfg.Observe = func(e Event) { got[e.Dir.String()+e.Fate.String()]++ }
		net := New(cfg)
		net.HandleAddr("198.51.100.1", Closed{})
		c := net.Conn(1)
		for i := range n {
			send(t, c, syn(c, target4, craft.Seq(i)))
			time.Sleep(time.Millisecond)
		}
		got["received"] = len(recv(t, c, time.Minute))
	})
	return got
}

// binomial fails where k of n is further than 5 standard deviations from what
// probability p makes likely: a false alarm once in 1.7 million.
func binomial(t *testing.T, what string, k, n int, p float64) {
	t.Helper()
	mean, deviation := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
	if math.Abs(float64(k)-mean) > 5*deviation {
		t.Errorf("%s: %d of %d, want %.0f ± %.0f", what, k, n, mean, 5*deviation)
	}
}

func TestChances(t *testing.T) {
	const n = 4000
	for seed := range uint64(5) {
		t.Logf("seed %d", seed)
		got := count(t, Config{Seed: seed, Out: Path{Loss: 0.1}, Back: Path{Loss: 0.3, Duplicate: 0.2}}, n)
		arrived := n - got[">lost"]
		binomial(t, "lost on the way there", got[">lost"], n, 0.1)
		binomial(t, "lost on the way back", got["<lost"], arrived, 0.3)
		back := arrived - got["<lost"]
		binomial(t, "doubled", got["<duplicate"], back, 0.2)
		if got["received"] != back+got["<duplicate"] || got["<passed"] != back {
			t.Errorf("counts do not add up: %v", got)
		}
	}
}

func TestLossIsIndependentOfNeighbours(t *testing.T) {
	const n = 20000
	var lost [2]int // of packets whose predecessor came through, and was lost
	var total [2]int
	before := 0
	for i := range n {
		d := roll(1, int64(i), Out, []byte("the same packet again"))
		hit := 0
		if d.chance(0.2) {
			hit = 1
		}
		lost[before] += hit
		total[before]++
		before = hit
	}
	binomial(t, "after a packet that arrived", lost[0], total[0], 0.2)
	binomial(t, "after a lost packet", lost[1], total[1], 0.2)
}

// order sends n SYNs back to back and returns the transcript's arrivals as
// acknowledgement numbers.
func order(t *testing.T, path Path, n int) (acks []craft.Seq) {
	synctest.Test(t, func(t *testing.T) {
		net := New(Config{Seed: 1, Out: path})
		net.HandleAddr("198.51.100.1", Closed{})
		c := net.Conn(1)
		for i := range n {
			send(t, c, syn(c, target4, craft.Seq(i)))
		}
		var p craft.Packet
		for _, pkt := range recv(t, c, time.Minute) {
			if err := p.Decode(pkt.Data, craft.VerifyChecksums); err != nil {
				t.Fatal(err)
			}
			acks = append(acks, p.Segment.Ack)
		}
	})
	return acks
}

func TestOrder(t *testing.T) {
	const n = 200
	if acks := order(t, Path{Delay: time.Second}, n); !slices.IsSorted(acks) || len(acks) != n {
		t.Errorf("a constant delay reorders: %v", acks)
	}
	for _, path := range []Path{{Reorder: 0.1}, {Jitter: time.Second}} {
		acks := order(t, path, n)
		if slices.IsSorted(acks) || len(acks) != n {
			t.Errorf("%+v: want all %d, out of order: %v", path, n, acks)
		}
	}
}

func TestJitterStaysInBounds(t *testing.T) {
	path := Path{Delay: time.Second, Jitter: time.Millisecond}.withDefaults()
	var low, high time.Duration = math.MaxInt64, 0
	for i := range int64(10000) {
		d := roll(1, i, Out, nil)
		delay := path.delay(&d)
		low, high = min(low, delay), max(high, delay)
	}
	if low < time.Second || low > time.Second+time.Microsecond || high >= time.Second+time.Millisecond || high < time.Second+999*time.Microsecond {
		t.Errorf("between %v and %v, want to fill [1s, 1.001s)", low, high)
	}
}

// At 1,000 packets a second a limit of 100 with 10 at once lets a tenth
// through; a queue shows as delay instead.
func TestLimit(t *testing.T) {
	got := count(t, Config{Out: Path{Limit: Limit{Rate: 100, Burst: 10}}}, 1000)
	if passed := got["received"]; passed < 109 || passed > 111 || got[">limited"] != 1000-passed {
		t.Errorf("policer: %v", got)
	}
	got = count(t, Config{Out: Path{Limit: Limit{Rate: 500, Queue: 1000}}}, 1000)
	if got["received"] != 1000 {
		t.Errorf("long queue: %v", got)
	}
	path := Path{Limit: Limit{Rate: 10, Queue: 3}}.withDefaults()
	l := limiter{}
	for i, want := range []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond} {
		if wait, ok := l.admit(&path.Limit, addr("192.0.2.1"), 0); !ok || wait != want {
			t.Errorf("packet %d waits %v, %v, want %v", i, wait, ok, want)
		}
	}
	if _, ok := l.admit(&path.Limit, addr("192.0.2.1"), 0); ok {
		t.Error("a fifth packet finds room in a queue of three")
	}
	if _, ok := l.admit(&path.Limit, addr("192.0.2.2"), 0); !ok {
		t.Error("another host shares the limit")
	}
}

func TestSharedLimit(t *testing.T) {
	limit := Limit{Rate: 10, Burst: 1, Shared: true}
	l := limiter{}
	l.admit(&limit, addr("192.0.2.1"), 0)
	if _, ok := l.admit(&limit, addr("192.0.2.2"), 0); ok {
		t.Error("another host has a limit of its own")
	}
}

func TestDeterminism(t *testing.T) {
	transcript := func(seed uint64) (lines string) {
		synctest.Test(t, func(t *testing.T) {
			var log Transcript
			rough := Path{Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.2, Duplicate: 0.1, Reorder: 0.1}
			n := New(Config{Seed: seed, Out: rough, Back: rough, Observe: log.Observe})
			n.HandleAddr("198.51.100.1", Linux(80))
			c := n.Conn(1)
			for i := range 100 {
				s := syn(c, target4, craft.Seq(i))
				s.Dst = addrPort([]string{"198.51.100.1:80", "198.51.100.1:81"}[i%2])
				send(t, c, s)
				time.Sleep(time.Millisecond)
			}
			recv(t, c, 100*time.Second)
			lines = log.String()
		})
		return lines
	}
	if a, b := transcript(1), transcript(1); a != b || strings.Count(a, "\n") < 150 {
		t.Errorf("one seed, two transcripts:\n%s\n%s", a, b)
	}
	if transcript(1) == transcript(2) {
		t.Error("two seeds, one transcript")
	}
}

// The heap yields what sorting does.
func TestSchedule(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var s schedule
	var want, got []entry
	for i := range 2000 {
		e := entry{at: rng.Int64N(100), order: uint64(i)}
		s.Push(e)
		want = append(want, e)
	}
	slices.SortStableFunc(want, func(a, b entry) int { return int(a.at - b.at) })
	for len(s) > 0 {
		got = append(got, s.Pop())
	}
	if !slices.Equal(got, want) {
		t.Error("not in order of time, then of scheduling")
	}
}
