package why_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"synscope/probe/why"
)

// kept are results of scenes in a file, so that a long run may be cut short and goes on
// where it was: WHY_KEEP=FILE. Several runs, of other causes, may share the file. What
// another version of the program has found ends the test: it says nothing of this one.
type kept struct {
	mu      sync.Mutex
	file    *os.File // nil: nothing is kept
	version string
	results map[string]result
}

// line is one of them, as it is written.
type line struct {
	Version string // of the sources: versionOfSources
	Job     string
	Code    why.Code
	Loss    float64
	Seed    uint64
	Found   []why.Found
	Packets int
	Seconds float64
}

func openKept(t testing.TB) *kept {
	t.Helper()
	name := os.Getenv("WHY_KEEP")
	k := &kept{results: map[string]result{}}
	if name == "" {
		return k
	}
	k.version = versionOfSources(t)
	if err := k.read(name); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	k.file = f
	return k
}

// errOtherVersion is of a file of another version.
var errOtherVersion = errors.New("another version of the program has judged these scenes: remove the file, or name another one")

func (k *kept) read(name string) error {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var l line
		if json.Unmarshal(s.Bytes(), &l) != nil { // the last one may be half of one
			continue
		}
		if l.Version != k.version {
			return fmt.Errorf("%s: %w", name, errOtherVersion)
		}
		k.results[l.Job] = result{l.Code, l.Loss, l.Seed, l.Found, l.Packets, l.Seconds}
	}
	return nil
}

// judging are the sources on which the result of a scene depends.
var judging = []string{"*.go", "internal/world/*.go", "../../internal/binomial/*.go"}

// versionOfSources is a hash of those, tests left out.
func versionOfSources(t testing.TB) string {
	t.Helper()
	h := sha256.New()
	for _, pattern := range judging {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: no sources (%v)", pattern, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(h, "%s %d\n%s", name, len(b), b)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (k *kept) add(t testing.TB, job string, r *result) {
	if k.file == nil {
		return
	}
	l := line{k.version, job, r.truth, r.loss, r.seed, nil, r.packets, r.seconds}
	for _, f := range r.found {
		l.Found = append(l.Found, why.Found{Code: f.Code, Probability: f.Probability})
	}
	b, err := json.Marshal(l)
	if err != nil {
		t.Error(err)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, err := k.file.Write(append(b, '\n')); err != nil {
		t.Error(err)
	}
}

// TestKeptOfAnotherVersion: what another version has judged is not taken for this one's.
func TestKeptOfAnotherVersion(t *testing.T) {
	name := filepath.Join(t.TempDir(), "kept")
	t.Setenv("WHY_KEEP", name)
	r := result{truth: why.Healthy, found: []why.Found{{Code: why.Healthy}}}
	openKept(t).add(t, "job", &r)
	if k := openKept(t); k.results["job"].truth != why.Healthy {
		t.Errorf("%v is not what was kept", k.results)
	}
	other := &kept{version: "another", results: map[string]result{}}
	if err := other.read(name); !errors.Is(err, errOtherVersion) || len(other.results) > 0 {
		t.Errorf("%v, and %d results of another version are taken", err, len(other.results))
	}
}
