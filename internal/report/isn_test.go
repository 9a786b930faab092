package report

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/rows"
	"synscope/internal/report/sink"
	"synscope/internal/report/text"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
	"synscope/probe/sample"
)

// modelled is what the samples of a model host show.
func modelled(class isn.Class) *record.ISN {
	rng := rand.New(rand.NewPCG(8, uint64(class)))
	samples := simhost.Sample(isn.NewPlan(isn.PlanConfig{}), simhost.Draw(class, rng), simhost.Path{RTT: time.Millisecond, Jitter: 100 * time.Microsecond}, rng)
	return record.NewISN("host.example", &sample.Result{
		Target: netip.MustParseAddrPort("192.0.2.7:443"), State: probe.StateOpen, Clock: netraw.ClockKernel,
		Report: isn.Analyze(samples, isn.Options{}),
	})
}

func parsed(t *testing.T, r record.Record) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(rows.AppendJSON(nil, r), &m); err != nil {
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
	m := parsed(t, record.NewISNSample("", dst, full))
	for _, name := range []string{"series", "src", "sport", "client_isn", "sent", "received", "isn", "rtt_ns", "mss", "wscale", "sack", "tsval", "window", "ttl"} {
		if _, ok := m[name]; !ok {
			t.Errorf("no %s, though it was measured (0 is a value)", name)
		}
	}
	if m["rtt_ns"] != 2500.0 || m["sent"] != "2001-09-09T01:46:40Z" || m["target"] != "192.0.2.7" {
		t.Errorf("%v", m)
	}
	if m := parsed(t, record.NewISNSample("h", dst, isn.Sample{})); len(m) != 4 {
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
		r := modelled(class)
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
	unmeasured := parsed(t, record.NewISNOfFile("a.csv", isn.Analyze(nil, isn.Options{})))
	for _, name := range []string{"addr", "port", "state", "clock_hz", "step", "guesses_p50", "nmap", "gcd", "variant"} {
		if v, ok := unmeasured[name]; ok {
			t.Errorf("%s is %v of nothing", name, v)
		}
	}
}

// Every class has a screen that says what it means and what an attacker can do.
func TestISNScreens(t *testing.T) {
	for _, class := range isn.Classes() {
		if text.ISNMeaning[class] == "" {
			t.Errorf("%s: no meaning", class)
		}
		if class == isn.ClassUnknown {
			continue
		}
		r := modelled(class)
		var out bytes.Buffer
		w := sink.NewLineWriter(&out, "test")
		sink := text.New(w, sink.Options{})
		for _, rec := range []record.Record{&record.Run{Command: "isn"}, r, &record.Summary{}} {
			if err := sink.Record(rec); err != nil {
				t.Fatal(err)
			}
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{class.String(), "means", "how sure", "off-path", "nmap says"} {
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
		if got := text.ISNAttack(&r); !strings.Contains(got, want) {
			t.Errorf("%g: %q, want %q", g, got, want)
		}
	}
	if got := text.ISNAttack(&isn.Report{}); !strings.Contains(got, "cannot be told") {
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
		if got := text.Hertz(tc.hz, tc.width); got != tc.want {
			t.Errorf("%g ± %g: %s, want %s", tc.hz, tc.width, got, tc.want)
		}
	}
}
