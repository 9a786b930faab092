package report

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/isn"
	"synscope/probe/isn/model"
	"synscope/probe/sample"
)

// modelled are the samples of a model host and what they show.
func modelled(class isn.Class) ([]isn.Sample, *ISN) {
	rng := rand.New(rand.NewPCG(8, uint64(class)))
	samples := model.Sample(isn.NewPlan(isn.PlanConfig{}), model.Draw(class, rng), model.Path{RTT: time.Millisecond, Jitter: 100 * time.Microsecond}, rng)
	return samples, NewISN("host.example", &sample.Result{
		Target: netip.MustParseAddrPort("192.0.2.7:443"), State: probe.StateOpen, Clock: netraw.ClockKernel,
		Report: isn.Analyze(samples, isn.Options{}),
	})
}

func parsed(t *testing.T, r Record) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(AppendJSON(nil, r), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// The record of a sample has the contract's fields, and only what was measured.
func TestISNSampleFields(t *testing.T) {
	dst := netip.MustParseAddrPort("192.0.2.7:443")
	full := isn.Sample{Series: "same-tuple", Src: netip.MustParseAddr("192.0.2.1"), SrcPort: isn.Some[uint16](40000),
		Sent: isn.Some[int64](1e18), Received: isn.Some[int64](1e18 + 2500), WScale: isn.Some[uint8](0), SACK: isn.Some(false),
		TSVal: isn.Some[uint32](0), Window: isn.Some[uint16](0), TTL: isn.Some[uint8](64), MSS: isn.Some[uint16](1460)}
	full.ClientISN.OK, full.ISN.OK = true, true
	m := parsed(t, NewISNSample("", dst, full))
	for _, name := range []string{"series", "src", "sport", "client_isn", "sent", "received", "isn", "rtt_ns", "mss", "wscale", "sack", "tsval", "window", "ttl"} {
		if _, ok := m[name]; !ok {
			t.Errorf("no %s, though it was measured (0 is a value)", name)
		}
	}
	if m["rtt_ns"] != 2500.0 || m["sent"] != "2001-09-09T01:46:40Z" || m["target"] != "192.0.2.7" {
		t.Errorf("%v", m)
	}
	if m := parsed(t, NewISNSample("h", dst, isn.Sample{})); len(m) != 4 {
		t.Errorf("fields of nothing: %v", m)
	}
}

// The record of a host has the contract's fields for each class that has them.
func TestISNFields(t *testing.T) {
	always := []string{"target", "addr", "port", "samples", "class", "confidence"}
	for class, more := range map[isn.Class][]string{
		isn.ClassTupleClock:  {"clock_hz", "clock_hz_low", "clock_hz_high", "inputs", "entropy_bits", "guesses_p50", "difficulty", "nmap", "findings"},
		isn.ClassGlobalStep:  {"step", "guesses_p50", "difficulty"},
		isn.ClassSYNCookies:  {"variant", "inputs"},
		isn.ClassGlobalMixed: {"step", "clock_hz"},
	} {
		_, r := modelled(class)
		m := parsed(t, r)
		for _, name := range append(always, more...) {
			if _, ok := m[name]; !ok {
				t.Errorf("%s: no %s in %v", class, name, m)
			}
		}
		if m["class"] != class.String() {
			t.Errorf("%v, want %s", m["class"], class)
		}
	}
	unmeasured := parsed(t, NewISNOfFile("a.csv", isn.Analyze(nil, isn.Options{})))
	for _, name := range []string{"addr", "port", "state", "clock_hz", "step", "guesses_p50", "nmap", "gcd", "variant"} {
		if v, ok := unmeasured[name]; ok {
			t.Errorf("%s is %v of nothing", name, v)
		}
	}
}

// Every class has a screen that says what it means and what an attacker can do.
func TestISNScreens(t *testing.T) {
	for _, class := range isn.Classes() {
		if isnMeaning[class] == "" {
			t.Errorf("%s: no meaning", class)
		}
		if class == isn.ClassUnknown {
			continue
		}
		_, r := modelled(class)
		var out bytes.Buffer
		w := NewLineWriter(&out, "test")
		sink := newText(w, Options{})
		for _, rec := range []Record{&Run{Command: "isn"}, r, &Summary{}} {
			if err := sink.Record(rec); err != nil {
				t.Fatal(err)
			}
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{class.String(), "means", "how sure", "off the path", "nmap says"} {
			if !strings.Contains(out.String(), word) {
				t.Errorf("%s: no %q in\n%s", class, word, out.String())
			}
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Errorf("%s: colours that were not asked for", class)
		}
	}
}

// The words for a guess follow its number.
func TestISNAttack(t *testing.T) {
	for g, want := range map[float64]string{
		1: "one guess is enough", 1000: "1,000 guesses", 1 << 26: "within reach", 1 << 31: "35 m 47 s",
	} {
		r := isn.Report{GuessesP50: isn.Some(g)}
		if got := isnAttack(&r); !strings.Contains(got, want) {
			t.Errorf("%g: %q, want %q", g, got, want)
		}
	}
	if got := isnAttack(&isn.Report{}); !strings.Contains(got, "cannot be told") {
		t.Error(got)
	}
}

func TestHertz(t *testing.T) {
	for _, tc := range []struct {
		hz, width float64
		want      string
	}{
		{15_625_000.4, 30, "15,625,000"}, {2.679, 0.12, "2.68"}, {999.96, 0.2, "1,000.0"}, {15_624_999.97, 0.2, "15,625,000.0"}, {100, 0, "100.000000"},
	} {
		if got := hertz(tc.hz, tc.width); got != tc.want {
			t.Errorf("%g ± %g: %s, want %s", tc.hz, tc.width, got, tc.want)
		}
	}
}

// A picture of every class is whole, and no two are alike.
func TestPlotISN(t *testing.T) {
	dir := t.TempDir()
	seen := map[string]isn.Class{}
	for _, class := range model.Drawable() {
		samples, r := modelled(class)
		path := filepath.Join(dir, class.String()+".png")
		if err := PlotISN(path, r, samples); err != nil {
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

// Pictures of nothing, of untimed samples and of one sample are drawn as well.
func TestPlotLittle(t *testing.T) {
	one := isn.Sample{}
	one.ISN.OK = true
	for _, samples := range [][]isn.Sample{nil, {one}, {one, one, one, one, {}}} {
		path := filepath.Join(t.TempDir(), "a.svg")
		if err := PlotISN(path, NewISNOfFile("a.csv", isn.Analyze(samples, isn.Options{})), samples); err != nil {
			t.Error(err)
		}
	}
}

// The residuals of a clock are the jitter of the way, not more.
func TestResiduals(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	host := model.Draw(isn.ClassTupleClock, rng)
	samples := model.Sample(isn.NewPlan(isn.PlanConfig{}), host, model.Path{RTT: time.Millisecond}, rng)
	r := NewISNOfFile("", isn.Analyze(samples, isn.Options{}))
	clock := r.Report.Clock.Value
	rest := residuals(r, clock.Hz, samples)
	if len(rest) != 10 {
		t.Fatalf("%d residuals, want one for each sample of the same tuple", len(rest))
	}
	for i, v := range rest {
		if math.Abs(v)*clock.Hz > 3+clock.Hz*1e-5 {
			t.Errorf("sample %d: %g s off at %g Hz", i, v, clock.Hz)
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

// The screen and the record give one figure of guesses.
func TestGuessesAreOneFigure(t *testing.T) {
	for _, class := range isn.Classes() {
		if class == isn.ClassUnknown {
			continue
		}
		_, r := modelled(class)
		g, ok := r.Report.GuessesP50.Get()
		if !ok {
			t.Fatalf("%s: no guesses", class)
		}
		if text := isnAttack(&r.Report); g >= 1.5 && !strings.Contains(text, Count(uint64(math.Round(g)))+" guesses") {
			t.Errorf("%s: %.0f guesses in JSON, on the screen %q", class, g, text)
		}
	}
}

// The record says what the evidence is.
func TestISNEvidence(t *testing.T) {
	_, r := modelled(isn.ClassTupleClock)
	m := parsed(t, r)
	for _, name := range []string{"runner_up", "bits_between", "standings", "factors", "series"} {
		if _, ok := m[name]; !ok {
			t.Errorf("no %s", name)
		}
	}
	if factors, ok := m["factors"].([]any); !ok || len(factors) != 5 {
		t.Errorf("factors %v", m["factors"])
	}
	lines := (&isnText{textSink: &textSink{}}).evidenceTable(&r.Report)
	if text := strings.Join(lines, "\n"); !strings.Contains(text, "same-tuple") || !strings.Contains(text, "varied-port") {
		t.Errorf("%s", text)
	}
}
