//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// judge merges what was written and compares.
func (f *field) judge(dir string, last int) error {
	defer f.spend(&f.spent.judging, time.Now())
	files, err := filepath.Glob(filepath.Join(dir, "out.jsonl*"))
	if err != nil {
		return err
	}
	for _, name := range files {
		if err := whole(name); err != nil {
			return err
		}
	}
	cmd := exec.Command(f.program, append([]string{"merge", "-o", "json"}, files...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("merge: %w: %s", err, &errs)
	}
	if err := compare(out, last); err != nil {
		return fmt.Errorf("%w (%d parts)", err, len(files))
	}
	return left(dir)
}

// whole checks that every line that ends is a record; the last may have been cut.
func whole(name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(b) {
		if bytes.HasSuffix(line, []byte("\n")) && !json.Valid(line) {
			return fmt.Errorf("%s has a torn line: %.80q", filepath.Base(name), line)
		}
	}
	return nil
}

// compare holds what merge made of the files against what the victim is.
func compare(out []byte, last int) error {
	seen := map[int]string{}
	complete := false
	for line := range bytes.Lines(out) {
		var r struct {
			Type, State string
			Port        int
			Complete    bool
		}
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		switch r.Type {
		case "port":
			if seen[r.Port] != "" {
				return fmt.Errorf("port %d is told twice", r.Port)
			}
			seen[r.Port] = r.State
		case "summary":
			complete = r.Complete
		}
	}
	missed, err := misses(seen, last)
	if err == nil && (missed > 0 || !complete) {
		err = fmt.Errorf("%d ports missed, complete %v", missed, complete)
	}
	return err
}

// misses counts the ports of which it is not told what they are.
func misses(seen map[int]string, last int) (missed int, err error) {
	for port := 1; port <= last; port++ {
		want, got := "refused", seen[port]
		switch {
		case port > answering:
			want = ""
		case port%openEvery == 0:
			want = "open"
		}
		switch {
		case want == got:
		case got == "":
			missed++
		default:
			return 0, fmt.Errorf("port %d is told to be %q, and is %q", port, got, want)
		}
	}
	return missed, nil
}

// left checks that a run that has ended leaves nothing but what it is for; a killed
// one may leave a file that it was about to rename.
func left(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == "ckpt", name == "ckpt.excluded", strings.HasPrefix(name, "out.jsonl"), strings.HasPrefix(name, ".synscope-"):
		default:
			return fmt.Errorf("left behind: %s", name)
		}
	}
	return nil
}
