package outfile

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hello replaces path by a short text.
func hello(path string) error {
	return Replace(path, Public, func(w io.Writer) error {
		_, err := io.WriteString(w, "hello\n")
		return err
	})
}

// Pipes are written to, and stay what they are.
func TestReplacePipes(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	must(t, unix.Mkfifo(pipe, 0o600))
	must(t, os.Symlink("pipe", filepath.Join(dir, "link")))
	for _, name := range []string{"pipe", "link"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		reader := exec.CommandContext(ctx, "cat", pipe)
		var got strings.Builder
		reader.Stdout = &got
		must(t, reader.Start())
		must(t, hello(filepath.Join(dir, name)))
		must(t, reader.Wait())
		if got.String() != "hello\n" {
			t.Errorf("%s: %q", name, got.String())
		}
	}
	info, err := os.Lstat(pipe)
	must(t, err)
	if info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe has become %v", info.Mode())
	}
}

// A device is not replaced by a file, as which root would find /dev/null again.
func TestReplaceDevices(t *testing.T) {
	device := filepath.Join(t.TempDir(), "null")
	if err := unix.Mknod(device, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		if os.Getenv("CI") == "true" && os.Geteuid() == 0 {
			t.Fatal(err)
		}
		if !errors.Is(err, unix.EPERM) {
			t.Fatal(err)
		}
		t.Skipf("no device can be made: %v", err)
	}
	switch f, err := os.OpenFile(device, os.O_WRONLY, 0); {
	case errors.Is(err, unix.EACCES): // nodev, mount(8)
		t.Skipf("no device can be opened here: %v", err)
	case err != nil:
		t.Fatal(err)
	default:
		f.Close()
	}
	must(t, hello(device))
	info, err := os.Lstat(device)
	must(t, err)
	if info.Mode()&os.ModeCharDevice == 0 {
		t.Errorf("the device has become %v", info.Mode())
	}
}

// What an open file is written to by its link in proc(5) comes after what is in it
// already: a shell's standard output that goes to a file.
func TestReplaceOpenFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		_, err = f.WriteString("before\n")
		must(t, err)
		must(t, hello(filepath.Join(dir, strconv.Itoa(int(f.Fd())))))
	}
	b, err := os.ReadFile(path)
	must(t, err)
	if string(b) != "before\nhello\nbefore\nhello\n" {
		t.Errorf("%q", b)
	}
}
