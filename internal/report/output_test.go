package report

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/probe"
)

func mustOpen(t *testing.T, cfg Config) *Output {
	t.Helper()
	out, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func formatOf(t *testing.T, name string) Format {
	t.Helper()
	f, err := FormatByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryOutputIsWhole(t *testing.T) {
	dir := t.TempDir()
	text, lines, table := filepath.Join(dir, "t"), filepath.Join(dir, "j"), filepath.Join(dir, "c")
	if err := os.WriteFile(text, []byte(strings.Repeat("what was there before ", 1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout strings.Builder
	out, err := Open(Config{
		Stdout: &stdout, StdoutFormat: "json",
		Files:   []File{{"text", text}, {"json", lines}, {"csv", table}},
		Options: sink.Options{Colour: sink.Coloured},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []record.Record{&record.Run{Command: "scan"}, record.NewPort("", &zeroVerdict), record.NewPort("", &silentVerdict), &record.Summary{}} {
		if err := out.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, lines); got != stdout.String() || strings.Count(got, "\n") != 4 {
		t.Errorf("JSON lines in the file:\n%son standard output:\n%s", got, &stdout)
	}
	if got := read(t, table); strings.Count(got, "\n") != 3 {
		t.Errorf("CSV:\n%s", got)
	}
	got := read(t, text)
	if strings.Contains(got, "before") || strings.Contains(got, "\x1b") || !strings.HasPrefix(got, "# synscope") {
		t.Errorf("text:\n%s", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept")
	tests := []struct {
		name   string
		stdout string
		files  []File
		want   string // in the message
	}{
		{"unknown format", "yaml", nil, `"yaml": there are text, json, csv`},
		{"unknown format of a file", "", []File{{"json", kept}, {"yaml", "x"}}, "yaml"},
		{"missing directory", "", []File{{"json", kept}, {"csv", filepath.Join(dir, "no", "file")}}, filepath.Join(dir, "no", "file")},
		{"a directory", "", []File{{"json", kept}, {"csv", dir}}, dir},
		{"one file twice", "", []File{{"json", kept}, {"csv", filepath.Join(dir, ".", "kept")}}, "two formats for one file"},
		{"standard output twice", "", []File{{"json", Stdout}, {"csv", Stdout}}, "two formats for standard output"},
		{"standard output and -o", "json", []File{{"json", Stdout}}, "two formats for standard output"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(kept, []byte("results"), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Open(Config{Stdout: discard{}, StdoutFormat: test.stdout, Files: test.files})
			if !errors.Is(err, sink.ErrOutput) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want ErrOutput with %q", err, test.want)
			}
			if got := read(t, kept); got != "results" {
				t.Errorf("the other file lost its contents: %q", got)
			}
		})
	}
}

func TestOpenErrorKeepsItsCause(t *testing.T) {
	_, err := Open(Config{Files: []File{{"json", filepath.Join(t.TempDir(), "no", "file")}}})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestDashIsStandardOutput(t *testing.T) {
	var stdout strings.Builder
	out := mustOpen(t, Config{Stdout: &stdout, Files: []File{{"csv", Stdout}}})
	out.Record(record.NewPort("", &zeroVerdict))
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if got := stdout.String(); !strings.HasPrefix(got, "time,target,addr,") || strings.Count(got, "\n") != 2 {
		t.Errorf("got %q", got)
	}
}

// A full disk stops the run; the other outputs are whole all the same.
func TestFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/dev/full is Linux's")
	}
	lines := filepath.Join(t.TempDir(), "j")
	out := mustOpen(t, Config{Stdout: discard{}, Files: []File{{"csv", "/dev/full"}, {"json", lines}}})
	err := out.Record(record.NewPort("", &zeroVerdict))
	if !errors.Is(err, sink.ErrWrite) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "/dev/full") {
		t.Errorf("error %v", err)
	}
	if err := out.Record(&record.Summary{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the next record: %v", err)
	}
	if err := out.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close: %v", err)
	}
	if got := read(t, lines); strings.Count(got, "\n") != 2 || !strings.HasSuffix(got, "}\n") {
		t.Errorf("the other output: %q", got)
	}
}

func TestClosedPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	out := mustOpen(t, Config{Stdout: w, StdoutFormat: "json"})
	err = out.Record(&record.Run{})
	if !errors.Is(err, sink.ErrWrite) || !errors.Is(err, syscall.EPIPE) || !strings.Contains(err.Error(), "standard output") {
		t.Errorf("error %v", err)
	}
}

func TestOpenOnlyHidesWhatIsNotOpen(t *testing.T) {
	for _, state := range probe.States() {
		for _, format := range Formats() {
			if slices.Contains([]string{"list", "masscan", "zmap"}, format.Name) {
				continue // of open ports alone in any case
			}
			var stdout strings.Builder
			out := mustOpen(t, Config{Stdout: &stdout, StdoutFormat: format.Name, OpenOnly: true})
			v := silentVerdict
			v.State = state
			out.Record(record.NewPort("", &v))
			out.Close()
			want := state == probe.StateOpen || state == probe.StateOpenFiltered || state == probe.StateUnfiltered
			if got := strings.Contains(stdout.String(), "192.0.2.7"); got != want {
				t.Errorf("%s port shown as %s: %v", state, format.Name, got)
			}
		}
	}
}

func TestQuietLeavesOutTheSummaryOnStandardOutputOnly(t *testing.T) {
	var stdout strings.Builder
	path := filepath.Join(t.TempDir(), "t")
	out := mustOpen(t, Config{Stdout: &stdout, Files: []File{{"text", path}}, Options: sink.Options{Quiet: true}})
	out.Record(record.NewPort("", &silentVerdict))
	out.Record(&record.Summary{Probes: 1})
	out.Close()
	if got := stdout.String(); !strings.Contains(got, "25/tcp") || strings.Contains(got, "1 port probed") {
		t.Errorf("standard output: %q", got)
	}
	if got := read(t, path); !strings.Contains(got, "1 port probed") {
		t.Errorf("file: %q", got)
	}
}

// A run that comes to no record leaves no file that was not there, and takes nothing
// from one that was; so does one whose second output is refused.
func TestOutputTakenBack(t *testing.T) {
	dir := t.TempDir()
	old, made := filepath.Join(dir, "old"), filepath.Join(dir, "new")
	if err := os.WriteFile(old, []byte("yesterday\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	files := []File{{Format: "json", Path: old}, {Format: "xml", Path: made}}
	check := func(what string) {
		t.Helper()
		if b, err := os.ReadFile(old); err != nil || string(b) != "yesterday\n" {
			t.Errorf("%s: %q, %v", what, b, err)
		}
		if _, err := os.Lstat(made); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the file was left: %v", what, err)
		}
	}
	if _, err := Open(Config{Stdout: io.Discard, Files: append(files, File{Format: "csv", Path: filepath.Join(dir, "nowhere", "x")})}); err == nil {
		t.Error("an output without a directory was not refused")
	}
	check("refused")
	out := mustOpen(t, Config{Stdout: io.Discard, Files: files})
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	check("without a record")
}
