package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"image/png"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"synscope/internal/lab"
	"synscope/internal/lab/netstack"
)

// linuxHz is the rate of Linux's ISN clock (net/core/secure_seq.c, seq_scale).
const linuxHz = 15_625_000

// generators is a lab of one host for each way in which this kernel chooses
// sequence numbers; it goes with the process.
var generators = sync.OnceValues(func() (*lab.Lab, error) {
	http := []lab.Service{{Ports: []uint16{80}, Manner: lab.Echo}}
	return lab.New(lab.Spec{Seed: 1, Hosts: []lab.HostSpec{
		{Name: "isn-default", Services: http, Sources: 2},
		{Name: "isn-cookies", Services: http, Sysctls: lab.Sysctls{"net.ipv4.tcp_syncookies": "2"}},
		{Name: "isn-proxied", Services: http, SynProxy: &lab.SynProxy{
			Ports: []uint16{80}, MSS: 1400, WindowScale: 7, Timestamps: true, SACK: true}},
		{Name: "isn-lossy", Services: http, Link: &lab.Link{
			Out:  lab.Path{Delay: time.Millisecond, Loss: 0.1, Duplicate: 0.1},
			Back: lab.Path{Delay: time.Millisecond, Loss: 0.1, Duplicate: 0.1}}},
		{Name: "isn-silent", Services: http, Rules: []lab.Rule{{Do: lab.Drop}}},
	}})
})

func generatorLab(t *testing.T) *lab.Lab {
	t.Helper()
	return lab.Shared(t, generators)
}

// isnOf runs isn on targets and returns each one's record, and how many
// samples were written of it.
func isnOf(t *testing.T, l *lab.Lab, want int, args ...string) (found map[string]jsonRecord, samples map[string]int) {
	t.Helper()
	r := command(t.Context(), l, append([]string{"isn", "-o", "json"}, args...)...)
	if r.code != want {
		t.Fatalf("exit %d, want %d: %s", r.code, want, r.err)
	}
	found, samples = map[string]jsonRecord{}, map[string]int{}
	for _, rec := range records(t, r.out) {
		switch rec.str("type") {
		case "isn":
			found[rec.str("addr")] = rec
		case "isn_sample":
			if rec["isn"] != nil { // answered
				samples[rec.str("addr")]++
			}
		}
	}
	return found, samples
}

// clockClaim is what the interval of a record's clock says of a rate.
type clockClaim uint8

const (
	clockMisses clockClaim = iota // the rate is not in it
	clockUnsure                   // it is, as others are: a busy machine does not know more
	clockHolds                    // it is known to a hundredth
)

// clockClaimOf holds a record's clock against a rate. One interval in twenty misses by its
// nature, and a busy machine adds to that, so it is taken four times as wide.
func clockClaimOf(r jsonRecord, hz float64) clockClaim {
	low, _ := r["clock_hz_low"].(float64)
	high, _ := r["clock_hz_high"].(float64)
	slack := 1.5 * (high - low)
	switch {
	case hz < low-slack || high+slack < hz:
		return clockMisses
	case high-low < 0.01*hz:
		return clockHolds
	}
	return clockUnsure
}

// wantClock wants a record's clock to have a rate. Where a busy machine left that unsure,
// it samples three times as long, and once more.
func wantClock(t *testing.T, l *lab.Lab, r jsonRecord, hz float64) {
	t.Helper()
	addr := r.str("addr")
	for run := 1; ; run++ {
		claim := clockClaimOf(r, hz)
		if claim == clockHolds {
			return
		}
		if claim == clockMisses || run == 3 {
			t.Errorf("%s: clock %v to %v in run %d, want %v", addr, r["clock_hz_low"], r["clock_hz_high"], run, hz)
			return
		}
		t.Logf("%s: clock %v to %v", addr, r["clock_hz_low"], r["clock_hz_high"])
		found, _ := isnOf(t, l, exitYes, "--samples", "66", addr)
		r = found[addr]
	}
}

// An interval tells of a rate what it can: neither another rate nor a wide interval holds it.
func TestClockClaim(t *testing.T) {
	for _, tc := range []struct {
		low, high float64
		want      clockClaim
	}{
		{15_600_000, 15_650_000, clockHolds}, {15_630_000, 15_640_000, clockHolds},
		{15_000_000, 16_200_000, clockUnsure}, {16_900_000, 18_400_000, clockUnsure},
		{17_900_000, 18_000_000, clockMisses}, {7_800_000, 7_820_000, clockMisses}, {0, 0, clockMisses},
	} {
		if got := clockClaimOf(jsonRecord{"clock_hz_low": tc.low, "clock_hz_high": tc.high}, linuxHz); got != tc.want {
			t.Errorf("%v to %v: %v, want %v", tc.low, tc.high, got, tc.want)
		}
	}
}

// TestRealGenerators finds what this kernel does in each of its ways, all at
// once, in time.
func TestRealGenerators(t *testing.T) {
	t.Parallel()
	l := generatorLab(t)
	plain, cookies, proxied := l.Host("isn-default"), l.Host("isn-cookies"), l.Host("isn-proxied")
	found, samples := isnOf(t, l, exitYes, plain.Addr4().String(), plain.Addr6().String(),
		cookies.Addr4().String(), cookies.Addr6().String(), proxied.Addr4().String(), proxied.Addr6().String())
	for _, want := range []struct {
		addr           netip.Addr
		class, variant string
	}{
		{plain.Addr4(), "tuple-clock", ""},
		{plain.Addr6(), "tuple-clock", ""},
		{cookies.Addr4(), "syn-cookies", "linux"},
		{cookies.Addr6(), "syn-cookies", "linux"},
		{proxied.Addr4(), "syn-proxy", "linux"},
		{proxied.Addr6(), "syn-proxy", "linux"},
	} {
		r := found[want.addr.String()]
		if r.str("class") != want.class || r.str("variant") != want.variant {
			t.Errorf("%s: %s %s, want %s %s: %v", want.addr, r.str("class"), r.str("variant"), want.class, want.variant, r["findings"])
		}
		if want.class == "tuple-clock" {
			wantClock(t, l, r, linuxHz)
		}
		if n, _ := r["samples"].(float64); n == 0 || int(n) != samples[want.addr.String()] {
			t.Errorf("%s: %v samples, %d told", want.addr, n, samples[want.addr.String()])
		}
		t.Logf("%s: %s %s %.3f, clock %.1f to %.1f, nmap %v", want.addr, r.str("class"), r.str("variant"), r["confidence"],
			r["clock_hz_low"], r["clock_hz_high"], r["nmap"])
	}
}

// TestFurtherAddresses varies the source address where the prober has another.
func TestFurtherAddresses(t *testing.T) {
	t.Parallel()
	l := generatorLab(t)
	h := l.Host("isn-default")
	raw := filepath.Join(t.TempDir(), "samples.csv")
	found, _ := isnOf(t, l, exitYes, "--raw", raw, h.Addr4().String())
	if inputs := fmt.Sprint(found[h.Addr4().String()]["inputs"]); inputs != "[address port time]" {
		t.Errorf("inputs %s", inputs)
	}
	b := readFile(t, raw)
	if !strings.Contains(string(b), h.Source4(0).String()) {
		t.Error("the further address was not used")
	}
}

// TestLossyGenerator takes loss and copies for what they are. So much may be
// lost that too little is left to tell; then the answer is unknown, and another
// run finds out, but nothing is ever called what it is not.
func TestLossyGenerator(t *testing.T) {
	t.Parallel()
	long(t)
	l := generatorLab(t)
	a := l.Host("isn-lossy").Addr4().String()
	for range 4 {
		var r jsonRecord
		for _, rec := range records(t, command(t.Context(), l, "isn", "-o", "json", a).out) {
			if rec.str("type") == "isn" {
				r = rec
			}
		}
		switch class := r.str("class"); {
		case class == "unknown":
			t.Logf("unknown: %v", r["findings"])
		case class == "tuple-clock" && clockClaimOf(r, linuxHz) == clockUnsure:
			t.Logf("clock %v to %v", r["clock_hz_low"], r["clock_hz_high"])
		case class != "tuple-clock" || clockClaimOf(r, linuxHz) != clockHolds:
			t.Fatalf("%s, %v to %v", class, r["clock_hz_low"], r["clock_hz_high"])
		default:
			return
		}
	}
	t.Error("unknown or unsure in four runs")
}

// TestQuickGenerator tells a clock, and whose cookies, by eight samples.
func TestQuickGenerator(t *testing.T) {
	t.Parallel()
	l := generatorLab(t)
	a := l.Host("isn-default").Addr4()
	found, samples := isnOf(t, l, exitYes, "--quick", a.String())
	if r := found[a.String()]; r.str("class") != "tuple-clock" || samples[a.String()] != 8 {
		t.Errorf("%s of %d samples", r.str("class"), samples[a.String()])
	}
	cookies := l.Host("isn-cookies").Addr4().String()
	found, _ = isnOf(t, l, exitYes, "--quick", cookies)
	if r := found[cookies]; r.str("class") != "syn-cookies" || r.str("variant") != "linux" {
		t.Errorf("cookies: %s %s", r.str("class"), r.str("variant"))
	}
}

// TestManyPorts samples each of a thousand ports once, beside one port many
// times.
func TestManyPorts(t *testing.T) {
	t.Parallel()
	l := generatorLab(t)
	a := l.Host("isn-default").Addr4().String()
	raw := filepath.Join(t.TempDir(), "many.csv")
	found, samples := isnOf(t, l, exitYes, "--series", "same-tuple,many", "--samples", "1023", "--rate", "5k", "--budget", "3s", "--raw", raw, a)
	if r := found[a]; r.str("class") != "tuple-clock" {
		t.Errorf("%s: %v", r.str("class"), r["findings"])
	} else {
		wantClock(t, l, r, linuxHz)
	}
	if n := portsOf(t, raw); n != 1024 || samples[a] < 1023+22 {
		t.Errorf("%d samples from %d ports", samples[a], n)
	}
}

// portsOf counts the source ports in a file of samples.
func portsOf(t *testing.T, raw string) int {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(mustRead(t, raw))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	ports := map[string]bool{}
	for _, row := range rows[1:] {
		ports[row[slices.Index(rows[0], "sport")]] = true
	}
	return len(ports)
}

// TestNoGenerator says why there is no answer, and exits so.
func TestNoGenerator(t *testing.T) {
	t.Parallel()
	l := generatorLab(t)
	for _, tc := range []struct {
		target, finding string
	}{
		{netip.AddrPortFrom(l.Host("isn-default").Addr4(), 81).String(), "port-refused"},
		{netip.AddrPortFrom(l.Host("isn-default").Addr6(), 81).String(), "port-refused"},
		{netip.AddrPortFrom(l.Host("isn-silent").Addr4(), 80).String(), "no-answer"},
	} {
		found, _ := isnOf(t, l, exitNo, "--timeout", "100ms", tc.target)
		r := found[netip.MustParseAddrPort(tc.target).Addr().String()]
		if r.str("class") != "unknown" || !strings.Contains(fmt.Sprint(r["findings"]), tc.finding) {
			t.Errorf("%s: %s, %v", tc.target, r.str("class"), r["findings"])
		}
	}
}

// TestFewSamples: they are no ground for a class, and so no answer, although the port is open.
func TestFewSamples(t *testing.T) {
	t.Parallel()
	l := generatorLab(t)
	r := command(t.Context(), l, "isn", "--samples", "2", l.Host("isn-default").Addr4().String())
	if r.code != exitNo || !strings.Contains(r.out, "unknown") || !strings.Contains(r.out, "too-few-samples") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
}

// TestInterruptedGenerator writes what was found so far, and whole files.
func TestInterruptedGenerator(t *testing.T) {
	t.Parallel()
	l := generatorLab(t)
	raw := filepath.Join(t.TempDir(), "samples.csv")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, errs := &countdown{left: 8, done: cancel}, &strings.Builder{} // the run, and samples
	s := Streams{In: strings.NewReader(""), Out: out, Err: errs, Env: bareEnv, Resolver: labNames{l}}
	code := Main(ctx, []string{"synscope", "isn", "-o", "json", "--raw", raw, l.Host("isn-default").Addr4().String()}, s)
	if code != exitInterrupted {
		t.Errorf("exit %d: %s", code, errs)
	}
	list := records(t, out.String())
	if done, _ := list[len(list)-1]["complete"].(bool); done {
		t.Error("complete")
	}
	again := command(t.Context(), nil, "isn", "--from", raw)
	if again.code == exitUsage || !strings.Contains(again.out, raw) {
		t.Errorf("exit %d: %s%s", again.code, again.out, again.err)
	}
}

// TestRawAgain analyses the samples of a run again to the same end, and draws
// them.
func TestRawAgain(t *testing.T) {
	t.Parallel()
	l := generatorLab(t)
	dir := t.TempDir()
	a := l.Host("isn-cookies").Addr4()
	raw, picture, vector := filepath.Join(dir, "a.csv"), filepath.Join(dir, "a.png"), filepath.Join(dir, "a.svg")
	first, _ := isnOf(t, l, exitYes, "--raw", raw, "--plot", picture, a.String())
	again, _ := isnOf(t, nil, exitYes, "--from", raw, "--plot", vector)
	for _, field := range []string{"class", "variant", "confidence", "samples", "guesses_p50", "nmap"} {
		if got, want := fmt.Sprint(again[""][field]), fmt.Sprint(first[a.String()][field]); got != want {
			t.Errorf("%s: %s from the file, %s from the network", field, got, want)
		}
	}
	b := readFile(t, picture)
	if _, err := png.Decode(bytes.NewReader(b)); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(vector); err != nil || !bytes.Contains(b, []byte("<svg")) || !bytes.HasSuffix(bytes.TrimSpace(b), []byte("</svg>")) {
		t.Errorf("no whole SVG: %v", err)
	}
	rows, err := csv.NewReader(bytes.NewReader(mustRead(t, raw))).ReadAll()
	if err != nil || len(rows) < 30 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b := readFile(t, path)
	return b
}

// TestNetstackGenerator meets a stack that is not Linux's, with and without
// cookies.
func TestNetstackGenerator(t *testing.T) {
	long(t)
	lab.RequireTun(t)
	if !lab.Apart(t) {
		return
	}
	for _, cookies := range []bool{false, true} {
		h, err := netstack.New(netstack.Config{Ports: []uint16{80}, Cookies: cookies})
		if err != nil {
			t.Fatal(err)
		}
		found, _ := isnOf(t, nil, exitYes, netstack.Addr4.String(), netstack.Addr6.String())
		for _, r := range found {
			class := r.str("class")
			t.Logf("cookies %v: %s %s %.3f, clock %v to %v, %v", cookies, class, r.str("variant"), r["confidence"], r["clock_hz_low"], r["clock_hz_high"], r["findings"])
			if !cookies && class != "tuple-clock" || cookies && (class != "syn-cookies" || r.str("variant") != "other") {
				t.Errorf("cookies %v: %s: %v", cookies, class, r["findings"])
			}
			if !cookies {
				wantClock(t, nil, r, linuxHz)
			}
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestNmapFigures compares GCD, ISR and SP with nmap's own of the same host:
// each run samples other moments, so they agree within what nmap itself varies.
func TestNmapFigures(t *testing.T) {
	t.Parallel()
	long(t)
	l := generatorLab(t)
	nmap, err := exec.LookPath("nmap")
	if err != nil {
		t.Skip("nmap is not installed")
	}
	a := l.Host("isn-default").Addr4()
	var differ []string
	for run := 0; run < 3 && (run == 0 || len(differ) > 0); run++ { // few random numbers have any divisor now and then
		differ = differentFigures(t, l, nmap, a.String())
	}
	if len(differ) > 0 {
		t.Errorf("in each of three runs, at last %v", differ)
	}
}

// differentFigures are those of a host that nmap gives otherwise.
func differentFigures(t *testing.T, l *lab.Lab, nmap, a string) (differ []string) {
	t.Helper()
	found, _ := isnOf(t, l, exitYes, a)
	ours, ok := found[a]["nmap"].(map[string]any)
	if !ok {
		t.Fatal("no figures")
	}
	out, err := outputOf(t, nmap, []string{"-O", "-v", "-d", "-n", "-Pn", "-p", "80,81", "--max-os-tries", "1", a})
	if err != nil {
		t.Fatal(err)
	}
	// ISR and SP are eight times a logarithm to the base of two: on a busy
	// machine either side's moments scatter by some factor, which 32 allows up
	// to sixteen. A wrong formula is off by more than that.
	for name, within := range map[string]float64{"gcd": 6, "isr": 32, "sp": 32} {
		theirs, found := seqFigure(string(out), strings.ToUpper(name))
		if !found {
			t.Fatalf("nmap told no %s: %s", name, out)
		}
		got, _ := ours[name].(float64)
		t.Logf("%s: ours %.0f, nmap's %.0f", name, got, theirs)
		if math.Abs(got-theirs) > within {
			differ = append(differ, fmt.Sprintf("%s: %.0f, nmap says %.0f", name, got, theirs))
		}
	}
	return differ
}

// seqFigure reads one figure of nmap's SEQ line.
func seqFigure(out, name string) (float64, bool) {
	m := regexp.MustCompile(`SEQ\([^)]*\b` + name + `=([0-9A-F]+)`).FindStringSubmatch(out)
	if m == nil {
		return 0, false
	}
	v, err := strconv.ParseUint(m[1], 16, 32)
	return float64(v), err == nil
}
