package outfile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Paths that lead to an open file of ours, by whatever links, are told from others.
func TestDescriptor(t *testing.T) {
	dir := t.TempDir()
	link := func(name, to string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link("out", "/proc/self/fd/1")
	for path, want := range map[string]int{
		"/dev/stdout": 1, "/dev/stderr": 2, "/dev/fd/1": 1, "/proc/self/fd/2": 2, fmt.Sprintf("/proc/%d/fd/1", os.Getpid()): 1,
		link("twice", "out"): 1, filepath.Join(dir, "out"): 1,
		file: -1, link("file2", "file"): -1, filepath.Join(dir, "no", "such"): -1, link("circle", "circle"): -1, "": -1, "-": -1,
		"/proc/1/fd/1": -1, "/dev/null": -1,
	} {
		if fd, ok := Descriptor(path); ok != (want >= 0) || ok && fd != want {
			t.Errorf("%q: %d, %v, want %d", path, fd, ok, want)
		}
	}
}
