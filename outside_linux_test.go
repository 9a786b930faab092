package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// outside is a module of somebody else's with the programs of testdata/outside,
// which depends on this tree by a replace directive, as the README says.
func outside(t *testing.T) (dir string) {
	t.Helper()
	dir, here := t.TempDir(), must(filepath.Abs("."))(t)
	if err := os.CopyFS(dir, os.DirFS("testdata/outside")); err != nil {
		t.Fatal(err)
	}
	ours := string(must(os.ReadFile("go.mod"))(t))
	requires := strings.Join(regexp.MustCompile(`(?s)\nrequire \(.*?\n\)`).FindAllString(ours, -1), "\n")
	mod := "module outside\n\ngo 1.26\n\nrequire synscope v0.0.0\nreplace synscope => " + here + "\n" + requires + "\n"
	for name, text := range map[string]string{"go.mod": mod, "go.sum": string(must(os.ReadFile("go.sum"))(t))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Programs of others are short, build, and tell of a listener on this machine.
func TestOutsidePrograms(t *testing.T) {
	dir := outside(t)
	build := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-o", filepath.Join(dir, "bin")+string(filepath.Separator), "./...")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	for name, want := range map[string]string{
		"isopen": "open syn-ack", "roundtrip": "1 open", "walk": "open", "numbers": "open tuple-clock", "segment": "127.0.0.1.40000 > 127.0.0.1.80",
	} {
		out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "bin", name), l.Addr().String()).CombinedOutput()
		if err != nil && os.Geteuid() != 0 {
			continue // raw sockets are not everybody's
		}
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v: %s, want %q", name, err, out, want)
		}
		lines := strings.Count(string(must(os.ReadFile(filepath.Join("testdata/outside", name, "main.go")))(t)), "\n")
		if lines > 16 {
			t.Errorf("%s has %d lines", name, lines)
		}
	}
}
