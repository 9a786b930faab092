package bpf

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// made are the objects of the project: directory, source and stem.
var made = []struct{ dir, source, stem string }{
	{".", "engine.c", "engine"},
	{"../../internal/lab/responderbpf", "responder.c", "responder"},
}

const remedy = "run scripts/regenerate-bpf"

// The objects are committed: this says when a source has changed since.
func TestObjectsBelongToTheSources(t *testing.T) {
	headers, err := filepath.Glob("*.h")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(headers)
	for _, m := range made {
		sum := sha256.New()
		for _, name := range append([]string{filepath.Join(m.dir, m.source)}, headers...) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sum.Write(text)
		}
		if got := hex.EncodeToString(sum.Sum(nil)); got != recorded(t, m.dir, m.stem)[1] {
			t.Errorf("%s was not made of what its sources are now: %s", m.stem, remedy)
		}
	}
}

// recorded are the compiler and the sources' sum that an object was made with.
func recorded(t *testing.T, dir, stem string) []string {
	text, err := os.ReadFile(filepath.Join(dir, stem+".sum"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 2 {
		t.Fatalf("%s.sum has %d lines", stem, len(lines))
	}
	return lines
}

// Where the same compiler is present, it makes the same objects.
func TestObjectsAreReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs the compiler")
	}
	version, err := exec.Command("clang", "--version").Output()
	if err != nil {
		t.Skip("clang is not installed")
	}
	if first, _, _ := strings.Cut(string(version), "\n"); first != recorded(t, ".", "engine")[0] {
		t.Skip("another compiler than the objects were made with: ", first)
	}
	if _, err := os.Stat("/usr/include/bpf/bpf_helpers.h"); err != nil {
		t.Skip("libbpf's headers are not installed")
	}
	dir := t.TempDir()
	if out, err := exec.Command("../../scripts/regenerate-bpf", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, m := range made {
		for _, end := range []string{"_bpfel.o", "_bpfeb.o"} {
			now, err := os.ReadFile(filepath.Join(dir, m.stem+end))
			if err != nil {
				t.Fatal(err)
			}
			committed, err := os.ReadFile(filepath.Join(m.dir, m.stem+end))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(now, committed) {
				t.Errorf("%s%s differs from what the compiler makes: %s", m.stem, end, remedy)
			}
		}
	}
}
