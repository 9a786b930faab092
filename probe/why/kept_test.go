package why_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"sync"
	"testing"

	"synscope/probe/why"
)

// kept are results of scenes in a file, so that a long run may be cut short and goes on
// where it was: WHY_KEEP=FILE. Several runs, of other causes, may share the file.
type kept struct {
	mu      sync.Mutex
	file    *os.File // nil: nothing is kept
	results map[string]result
}

// line is one of them, as it is written.
type line struct {
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
	k.read(t, name)
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	k.file = f
	return k
}

func (k *kept) read(t testing.TB, name string) {
	t.Helper()
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var l line
		if json.Unmarshal(s.Bytes(), &l) == nil { // the last one may be half of one
			k.results[l.Job] = result{l.Code, l.Loss, l.Seed, l.Found, l.Packets, l.Seconds}
		}
	}
}

func (k *kept) add(t testing.TB, job string, r *result) {
	if k.file == nil {
		return
	}
	l := line{job, r.truth, r.loss, r.seed, nil, r.packets, r.seconds}
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
