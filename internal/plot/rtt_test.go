package plot

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"synscope/probe/rtt"
)

// run is a series whose probes left a second apart; a negative time is a loss.
func run(name string, values ...time.Duration) Series {
	s := Series{name, rtt.NewSeries(rtt.Precise), &rtt.Timeline{}}
	for i, v := range values {
		at := time.Duration(i) * time.Second
		if v < 0 {
			s.Series.Lost()
			s.Timeline.Lost(at)
			continue
		}
		s.Series.Add(v)
		s.Timeline.Add(at, v)
	}
	return s
}

const lost = -1

// drawn is the SVG of a picture; its PNG is drawn too.
func drawn(t *testing.T, name string, all ...Series) string {
	t.Helper()
	for _, ending := range []string{".png", ".svg"} {
		path := filepath.Join(pictures(t), "rtt-"+name+ending)
		if err := RTT(path, "How long "+name+" took", time.Unix(0, 0).UTC(), all); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if ending == ".svg" {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
	}
	return ""
}

// words are the texts of an SVG, which must be well-formed.
func words(t *testing.T, svg string) (all []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	inside := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inside = token.Name.Local == "text"
		case xml.CharData:
			if inside {
				all = append(all, string(token))
			}
		case xml.EndElement:
			inside = false
		}
	}
}

// A picture of several targets names each, also one that never answered, and
// counts the answers once.
func TestRTTNamesTheSilent(t *testing.T) {
	svg := drawn(t, "two", run("web", time.Millisecond, lost), run("fortress", lost))
	all := strings.Join(words(t, svg), "\n")
	for _, want := range []string{"web (1 of 2)", "fortress (0 of 1)", "no answer", ": 1 of 3 answered"} {
		if !strings.Contains(all, want) {
			t.Errorf("the picture does not say %q:\n%s", want, all)
		}
	}
}

// Where nothing was measured there is no axis of times.
func TestRTTOfLosses(t *testing.T) {
	for _, w := range words(t, drawn(t, "lost", run("web", lost, lost, lost))) {
		if strings.Contains(w, "round-trip") || strings.Contains(w, "share") {
			t.Errorf("an axis of %q", w)
		}
	}
}

// Axes end where the data does: no tick is beyond it.
func TestRTTAxes(t *testing.T) {
	for _, times := range [][]time.Duration{{3 * time.Millisecond, 4 * time.Millisecond, 9 * time.Millisecond}, {0, 1}, {5, 5, 5}, {1, time.Second, time.Hour}} {
		s := scaleOf([]Series{run("a", times...)})
		if s.low < 0 || s.high > 1.021*s.of(times[len(times)-1]) {
			t.Errorf("%v: from %g to %g %s", times, s.low, s.high, s.name)
		}
	}
}

// A percentile is named only where it says more than the largest time.
func TestPercentilesNeedAnswers(t *testing.T) {
	for n, want := range map[int]string{1: "", 2: "50", 10: "50 90", 99: "50 90 95", 100: "50 90 95 99"} {
		var times []time.Duration
		for i := range n {
			times = append(times, time.Duration(i+1)*time.Millisecond)
		}
		var got []string
		for _, k := range distribution([]Series{run("a", times...)}).Legend {
			got = append(got, strings.Fields(k.Words)[0])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%d: %v, want %s", n, got, want)
		}
	}
}

// Pictures of nothing, one, equal, very different and many probes are whole.
func TestRTTFewAndMany(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var many []time.Duration
	for range 3000 {
		v := time.Duration(2e6 + 3e5*rng.ExpFloat64())
		if rng.IntN(50) == 0 {
			v = lost
		}
		many = append(many, v)
	}
	for name, values := range map[string][]time.Duration{
		"none": nil, "one": {time.Millisecond}, "equal": {5000, 5000, 5000}, "zero": {0, 1},
		"spread": {1, time.Second, time.Hour}, "many": many, "few": {12e6, 14e6, lost, 13e6, 12.5e6},
	} {
		words(t, drawn(t, name, run("host.example port 443", values...)))
	}
	var several []Series
	for i := range 10 {
		several = append(several, run(fmt.Sprintf("a rather long name %d.example port 443", i), many[i*100:i*100+100]...))
	}
	words(t, drawn(t, "several", several...))
	words(t, drawn(t, "control\x01<&", run("a\x00\x1b[31m<&\"", 5e6)))
}

// One probe has no length of time: the axis says 0 and no more. Without any there is
// no axis at all.
func TestRTTOfOneMoment(t *testing.T) {
	for name, c := range map[string]struct {
		all  []Series
		want string
	}{
		"one":  {[]Series{run("a", time.Millisecond)}, "0"},
		"lost": {[]Series{run("a", lost)}, "0"},
		"two":  {[]Series{run("a", time.Millisecond, lost)}, "0 … 1"},
		"none": {[]Series{run("a")}, "hidden"},
	} {
		x := RTTPanels(time.Unix(0, 0), c.all)[0].X
		got := "hidden"
		switch {
		case x.Hidden:
		case len(x.Ticks) == 1:
			got = x.Ticks[0].Words
		default:
			got = fmt.Sprintf("%g … %g", x.Low, x.High)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	late := Series{"a", rtt.NewSeries(rtt.Precise), &rtt.Timeline{}} // as a run has it: its first probe is no moment's work
	late.Series.Add(time.Millisecond)
	late.Timeline.Add(11*time.Microsecond, time.Millisecond)
	if all := strings.Join(words(t, drawn(t, "late", late)), "\n"); strings.Contains(all, "e-") {
		t.Errorf("%s", all)
	}
	if all := strings.Join(words(t, drawn(t, "nothing", run("web"))), "\n"); !strings.Contains(all, "no probes") {
		t.Errorf("%s", all)
	}
}

// Bits are judged where there are enough samples for one to be unfair.
func TestBitsNeedSamples(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 100} {
		v := &numbers{dots: make([]isnDot, n)}
		if p := v.bitPanel(); (p.Note == "") != (n >= 10) {
			t.Errorf("%d samples: %q", n, p.Note)
		}
	}
}
