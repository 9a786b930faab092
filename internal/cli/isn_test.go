//go:build linux

package cli

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"synscope/probe/isn"
	hosts "synscope/probe/isn/simhost"
)

// sampled is a file of samples of a model host of a class.
func sampled(t *testing.T, class isn.Class) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, uint64(class)))
	var b bytes.Buffer
	samples := hosts.Sample(isn.NewPlan(isn.PlanConfig{}), hosts.Draw(class, rng), hosts.Path{RTT: time.Millisecond}, rng)
	if err := isn.WriteCSV(&b, samples); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestFromFile analyses what others measured, of every class.
func TestFromFile(t *testing.T) {
	for _, class := range hosts.Drawable() {
		path := filepath.Join(t.TempDir(), "a.csv")
		writeFile(t, path, sampled(t, class), 0o600)
		text := command(t.Context(), nil, "isn", "--from", path)
		if text.code != exitYes || !strings.Contains(text.out, class.String()) {
			t.Errorf("%s: exit %d: %s%s", class, text.code, text.out, text.err)
		}
		if lines := strings.Count(text.out, "\n"); lines > 40 {
			t.Errorf("%s: %d lines are more than a screen:\n%s", class, lines, text.out)
		}
		for line := range strings.Lines(text.out) {
			if n := len([]rune(line)); n > 101 {
				t.Errorf("%s: a line of %d columns: %s", class, n, line)
			}
		}
		r := command(t.Context(), nil, "isn", "-o", "json", "--from", path)
		var found jsonRecord
		for line := range strings.Lines(r.out) {
			var rec jsonRecord
			if err := json.Unmarshal([]byte(line), &rec); err != nil {
				t.Fatal(err)
			}
			if rec.str("type") == "isn" {
				found = rec
			}
		}
		if found.str("class") != class.String() || found["addr"] != nil || found["port"] != nil {
			t.Errorf("%s: %v", class, found)
		}
	}
}

// TestForeignFile takes what is known: few columns, other names, any order.
func TestForeignFile(t *testing.T) {
	var b strings.Builder
	b.WriteString("isn,note,series\n")
	for range 12 {
		b.WriteString("4711,odd,mine\n")
	}
	s := Streams{In: strings.NewReader(b.String()), Out: &bytes.Buffer{}, Err: &bytes.Buffer{}, Env: bareEnv}
	code := Main(t.Context(), []string{"synscope", "isn", "--from", "-"}, s)
	if out := s.Out.(*bytes.Buffer).String(); code != exitYes || !strings.Contains(out, "constant") {
		t.Errorf("exit %d: %s%s", code, out, s.Err)
	}
}

// TestBadSampleFiles and bad flags end before anything is sent, by one sentence
// that names what is wrong.
func TestBadSampleFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, []byte(text), 0o600)
		return path
	}
	good := file("good.csv", string(sampled(t, isn.ClassConstant)))
	for _, tc := range []struct {
		name string
		args []string
		says string
	}{
		{"no file", []string{"--from", filepath.Join(dir, "none.csv")}, "none.csv"},
		{"empty", []string{"--from", file("empty.csv", "")}, "empty.csv"},
		{"header only", []string{"--from", file("header.csv", "series,isn\n")}, "no usable sample"},
		{"no number", []string{"--from", file("lost.csv", "sport,isn,sent_ns\n1,,5\n2,,6\n")}, "column isn"},
		{"no isn", []string{"--from", file("no.csv", "series,src\na,192.0.2.1\n")}, "isn"},
		{"nonsense", []string{"--from", file("nonsense.csv", "isn\nmany\n")}, "nonsense.csv"},
		{"binary", []string{"--from", file("binary.csv", "\x7fELF\x00\x01\"")}, "binary.csv"},
		{"out of range", []string{"--from", file("range.csv", "isn\n4294967296\n")}, "range.csv"},
		{"directory", []string{"--from", dir}, "directory"},
		{"file and target", []string{"--from", good, "192.0.2.1"}, "192.0.2.1"},
		{"file and samples", []string{"--from", good, "--samples", "9"}, "--samples"},
		{"picture of no kind", []string{"--from", good, "--plot", "a.gif"}, ".svg or .png"},
		{"raw nowhere", []string{"--from", good, "--raw", filepath.Join(dir, "no", "a.csv")}, "--raw"},
		{"raw onto a directory", []string{"--from", good, "--raw", dir}, "--raw"},
		{"no target", nil, "no target"},
		{"no samples", []string{"--samples", "0", "192.0.2.1"}, "--samples"},
		{"no series", []string{"--series", "best", "192.0.2.1"}, "same-tuple"},
		{"no budget", []string{"--budget", "soon", "192.0.2.1"}, "--budget"},
		{"quick and long", []string{"--quick", "--samples", "50", "192.0.2.1"}, "--quick"},
		{"engine", []string{"--engine", "connect", "192.0.2.1"}, "--engine"},
		{"too many", []string{"-p", "1-65535", "192.0.2.1"}, "65,535"},
	} {
		r := command(t.Context(), nil, append([]string{"isn"}, tc.args...)...)
		if r.code != exitUsage || !strings.Contains(r.err, tc.says) || strings.Count(r.err, "\n") != 1 || r.out != "" {
			t.Errorf("%s: exit %d, %q, %q", tc.name, r.code, r.err, r.out)
		}
	}
}

// TestUnknownFile is no for an answer.
func TestUnknownFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "few.csv")
	writeFile(t, path, []byte("isn,sport\n1,1\n900000000,2\n"), 0o600)
	if r := command(t.Context(), nil, "isn", "--from", path); r.code != exitNo || !strings.Contains(r.out, "too-few-samples") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
}

// TestISNDryRun prints the plan's SYNs without a socket.
func TestISNDryRun(t *testing.T) {
	r := command(t.Context(), nil, "isn", "--dry-run", "--series", "options", "-S", "192.0.2.1", "192.0.2.7:443")
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	if r.code != exitYes || len(lines) != 8 {
		t.Fatalf("exit %d, %d lines: %s%s", r.code, len(lines), r.out, r.err)
	}
	for i, mss := range []string{"1460", "1440", "1300", "536"} {
		if !strings.Contains(lines[i], "192.0.2.7.443: Flags [S]") || !strings.Contains(lines[i], "mss "+mss) {
			t.Errorf("line %d: %s", i, lines[i])
		}
	}
}
