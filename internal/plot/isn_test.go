package plot

import (
	"bytes"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// modelled are the samples of a model host and what they show.
func modelled(class isn.Class, samples int) ([]isn.Sample, *isn.Report) {
	rng := rand.New(rand.NewPCG(8, uint64(class)))
	plan := isn.NewPlan(isn.PlanConfig{Samples: samples})
	all := simhost.Sample(plan, simhost.Draw(class, rng), simhost.Path{RTT: time.Millisecond, Jitter: 100 * time.Microsecond}, rng)
	r := isn.Analyze(all, isn.Options{})
	return all, &r
}

// A picture of every class is whole, and no two are alike.
func TestISN(t *testing.T) {
	dir := pictures(t)
	seen := map[string]isn.Class{}
	for _, class := range simhost.Drawable() {
		samples, r := modelled(class, 0)
		path := filepath.Join(dir, "isn-"+class.String()+".png")
		if err := ISN(path, "192.0.2.7:443", r, samples); err != nil {
			t.Fatalf("%s: %v", class, err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		for panel := range 4 {
			if n := inked(picture, panel); n < 500 {
				t.Errorf("%s: panel %d has %d coloured pixels", class, panel, n)
			}
		}
		if other, twice := seen[string(b)]; twice {
			t.Errorf("%s looks like %s", class, other)
		}
		seen[string(b)] = class
	}
}

// pictures is where a test draws: a directory of its own, or $SYNSCOPE_PICTURES,
// for people who want to look at them.
func pictures(t *testing.T) string {
	if dir := os.Getenv("SYNSCOPE_PICTURES"); dir != "" {
		return dir
	}
	return t.TempDir()
}

// inked counts the pixels of one of four panels that are not white.
func inked(m image.Image, panel int) (n int) {
	half := m.Bounds().Size().Div(2)
	at := image.Pt(panel%2*half.X, panel/2*half.Y)
	for x := range half.X {
		for y := range half.Y {
			if r, g, b, _ := m.At(at.X+x, at.Y+y).RGBA(); r+g+b < 3*0xf000 {
				n++
			}
		}
	}
	return n
}

// Pictures of nothing, of untimed samples, of one sample and of a thousand are
// drawn as well.
func TestISNFewAndMany(t *testing.T) {
	one := isn.Sample{}
	one.ISN.OK = true
	many, _ := modelled(isn.ClassRandom, 1000)
	short, _ := modelled(isn.ClassTupleClock, 8)
	for name, samples := range map[string][]isn.Sample{
		"none": nil, "one": {one}, "alike": {one, one, one, one, {}}, "many": many, "short": short,
	} {
		r := isn.Analyze(samples, isn.Options{})
		for _, ending := range []string{".svg", ".png"} {
			if err := ISN(filepath.Join(pictures(t), "isn-"+name+ending), "a.csv", &r, samples); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// Too few points make no cube, and enough make one whose axes have numbers.
func TestPhasePanel(t *testing.T) {
	few := &numbers{report: &isn.Report{}, dots: make([]isnDot, 3+leastPoints-1)}
	if p := few.phasePanel(); len(p.Layers) > 0 || p.Note == "" {
		t.Errorf("%d points in a cube: %+v", leastPoints-1, p)
	}
	enough := &numbers{report: &isn.Report{}, dots: make([]isnDot, 3+leastPoints)}
	for i := range enough.dots {
		enough.dots[i].isn = float64(i * i)
	}
	if p := enough.phasePanel(); len(p.Layers) < 12+3*6+leastPoints {
		t.Errorf("%d layers", len(p.Layers))
	}
}

// The residuals of a clock are the jitter of the way, not more.
func TestResiduals(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	host := simhost.Draw(isn.ClassTupleClock, rng)
	samples := simhost.Sample(isn.NewPlan(isn.PlanConfig{}), host, simhost.Path{RTT: time.Millisecond}, rng)
	r := isn.Analyze(samples, isn.Options{})
	v := &numbers{report: &r, samples: samples}
	rest := v.residuals(r.Clock.Value.Hz)
	if len(rest) != 10 {
		t.Fatalf("%d residuals, want one for each sample of the same tuple", len(rest))
	}
	for i, d := range rest {
		if math.Abs(d)*r.Clock.Value.Hz > 3+r.Clock.Value.Hz*1e-5 {
			t.Errorf("sample %d: %g s off at %g Hz", i, d, r.Clock.Value.Hz)
		}
	}
}

// Three differences in a row make a point, the shorter way round.
func TestPhaseSpace(t *testing.T) {
	dots := []isnDot{{isn: seqSpace - 10}, {isn: 5}, {isn: 25}, {isn: 20}, {isn: 20}}
	got := phaseSpace(dots)
	if len(got) != 2 || got[0] != (phasePoint{15, 20, -5}) || got[1] != (phasePoint{20, -5, 0}) {
		t.Errorf("%v", got)
	}
}

// Fair bits stay in their band in nineteen pictures of twenty, and a stuck one
// does not.
func TestFairBand(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	outside := 0
	const pictures = 2000
	for range pictures {
		dots := make([]isnDot, 200)
		for i := range dots {
			dots[i].isn = float64(rng.Uint32())
		}
		for _, share := range bitShares(dots) {
			if math.Abs(share-50) > fairBand(len(dots)) {
				outside++
				break
			}
		}
	}
	if share := float64(outside) / pictures; share > 0.08 || share < 0.02 {
		t.Errorf("%.3f of the pictures have a bit outside", share)
	}
}
