package isn

import (
	"math"
	"math/big"
	"slices"
	"testing"

	"synscope/craft"
)

func TestRegressionAgainstExactNumbers(t *testing.T) {
	reg := &regression{}
	for i := range 10 {
		x := float64(i * i)
		reg.add([]float64{1, x}, 3+2*x, float64(1+i%3))
	}
	s := reg.solve()
	if s == nil || math.Abs(s.beta[0]-3) > 1e-9 || math.Abs(s.beta[1]-2) > 1e-9 || s.scale > 1e-9 {
		t.Fatalf("got %+v", s)
	}
	flat := &regression{}
	for range 5 {
		flat.add([]float64{1, 2}, 1, 1)
	}
	if flat.solve() != nil {
		t.Error("two equal columns were told apart")
	}
}

func TestCommonDivisor(t *testing.T) {
	of := func(xs ...craft.Seq) uint32 {
		samples := make([]Sample, len(xs))
		for i, x := range xs {
			samples[i].ISN = Some(x)
		}
		return commonDivisor(newView(samples).gaps(0), divisorBits)
	}
	for _, tc := range []struct {
		got, want uint32
	}{
		{of(0, 64000, 192000, 128000, 320000), 64000},
		{of(4294967290, 4, 24, 34, 54, 64, 84, 94, 104), 10},
		{of(0, 2, 6, 10), 1}, // chance may have made it
		{of(5, 5, 5), 1},
	} {
		if tc.got != tc.want {
			t.Errorf("got %d, want %d", tc.got, tc.want)
		}
	}
}

func TestSavedBitsAgainstSequentialCoder(t *testing.T) {
	for n := 1; n < 40; n++ {
		for ones := range n + 1 {
			p := big.NewRat(1, 1) // each bit is predicted as (seen + ½) / (all + 1)
			for i := range n {
				seen := min(i, ones)
				if i >= ones {
					seen = i - ones
				}
				p.Mul(p, big.NewRat(int64(2*seen+1), int64(2*i+2)))
			}
			f, _ := p.Float64()
			if want := float64(n) + math.Log2(f); math.Abs(savedBits(n, ones)-want) > 1e-6 {
				t.Fatalf("%d ones of %d: %.6f, want %.6f", ones, n, savedBits(n, ones), want)
			}
		}
	}
}

func TestPoolSize(t *testing.T) {
	for _, pool := range []float64{8, 50, 1000} {
		n := 400
		again := float64(n) - pool*(1-math.Pow(1-1/pool, float64(n)))
		if got := poolSize(n, int(math.Round(again))); math.Abs(got/pool-1) > 0.1 {
			t.Errorf("store of %.0f estimated at %.1f", pool, got)
		}
	}
}

func TestShownEntropy(t *testing.T) {
	points := make([]point, 16)
	for i := range points {
		points[i].x = craft.Seq(i)
	}
	if got := shownEntropy(points); got != 4 {
		t.Errorf("16 different numbers show %.2f bits, want 4", got)
	}
	for i := range points {
		points[i].x = craft.Seq(i % 2)
	}
	if got := shownEntropy(points); got != 1 {
		t.Errorf("two numbers in turn show %.2f bits, want 1", got)
	}
}

// asNmap makes six samples of as many ports, 100 ms apart.
func asNmap(isns ...craft.Seq) *view {
	samples := make([]Sample, len(isns))
	for i, x := range isns {
		at := int64(i) * 100e6
		samples[i] = Sample{SrcPort: Some(uint16(i)), Sent: Some(at), Received: Some(at + 1e6), ISN: Some(x)}
	}
	return newView(samples)
}

// TestNmapFigures: the expected values follow from the definitions by hand.
// Steps of 64,000 in 0.1 s are 640,000 a second; 8·log2(640000) = 154.3. The
// rates of the second case, divided by the GCD of 1000, are 10, 20, 10, 20, 10:
// their standard deviation is √30 = 5.477, and 8·log2 of it 19.6; the mean rate
// is 14,000, 8·log2 of it 110.2.
func TestNmapFigures(t *testing.T) {
	for _, tc := range []struct {
		isns []craft.Seq
		want Nmap
	}{
		{[]craft.Seq{5, 5, 5, 5, 5, 5}, Nmap{GCD: 0, ISR: 0, SP: Some(0), N: 6}},
		{[]craft.Seq{0, 64000, 128000, 192000, 256000, 320000}, Nmap{GCD: 64000, ISR: 154, SP: Some(0), N: 6}},
		{[]craft.Seq{0, 1000, 3000, 4000, 6000, 7000}, Nmap{GCD: 1000, ISR: 110, SP: Some(20), N: 6}},
		{[]craft.Seq{7000, 6000, 4000, 3000, 1000, 0}, Nmap{GCD: 1000, ISR: 110, SP: Some(20), N: 6}},
		{[]craft.Seq{4294967290, 4, 14}, Nmap{GCD: 10, ISR: 53, N: 3}},
	} {
		copy(tc.want.ISNs[:], tc.isns)
		got, ok := nmapFigures(asNmap(tc.isns...))
		if !ok || got != tc.want {
			t.Errorf("%v: got %+v, want %+v", tc.isns, got, tc.want)
		}
	}
}

func TestNmapTakesTheStretchLikeItsOwn(t *testing.T) {
	var samples []Sample
	at := int64(0)
	for i, gap := range []int64{0, 1, 1, 1, 1, 1, 1000, 100, 100, 100, 100, 100, 1} {
		at += gap * 1e6
		samples = append(samples, Sample{SrcPort: Some(uint16(i)), Sent: Some(at), Received: Some(at + 1e6), ISN: Some(craft.Seq(i))})
	}
	window := nmapWindow(newView(samples))
	if len(window) != 6 || window[0].x != 6 {
		t.Errorf("window of %d begins at %d, want 6 from 6", len(window), window[0].x)
	}
}

func TestAnswersSentAgainAreNoDraws(t *testing.T) {
	same := Sample{SrcPort: Some[uint16](1), ClientISN: Some(craft.Seq(9)), ISN: Some(craft.Seq(3))}
	samples := []Sample{same, same, same}
	for i := range samples {
		samples[i].Sent = Some(int64(i))
	}
	samples[2].Offer = Some(Offer{MSS: 536})
	v := newView(samples)
	if len(v.points) != 2 || v.again != 1 || v.points[1].k != 2 {
		t.Errorf("%d points, %d sent again", len(v.points), v.again)
	}
	if f := v.fresh(); len(f.points) != 1 || f.stale != 1 {
		t.Errorf("%d points, %d stale", len(f.points), f.stale)
	}
}

func TestRunsBreakAtLosses(t *testing.T) {
	samples := make([]Sample, 6)
	for i := range samples {
		samples[i] = Sample{Sent: Some(int64(i)), ISN: Some(craft.Seq(i))}
	}
	samples[2].ISN = Opt[craft.Seq]{}
	var sizes []int
	for _, r := range newView(samples).runs() {
		sizes = append(sizes, len(r))
	}
	if !slices.Equal(sizes, []int{2, 3}) {
		t.Errorf("runs of %v", sizes)
	}
}
