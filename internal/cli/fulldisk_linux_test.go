package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"synscope/internal/capture"
	"synscope/internal/lab"
)

const fullDiskAlone = "SYNSCOPE_TEST_FULLDISK"

// A disk that fills up while a run writes leaves whole lines and whole blocks, and
// the other outputs end as they should.
func TestFullDiskLeavesWholeLines(t *testing.T) {
	t.Parallel()
	lab.Require(t)
	if os.Getenv(fullDiskAlone) == "" {
		inNamespaceOfItsOwn(t, fullDiskAlone, syscall.CLONE_NEWNS)
		return
	}
	small, other := t.TempDir(), filepath.Join(t.TempDir(), "other.jsonl")
	if err := unix.Mount("none", small, "tmpfs", 0, "size=8192"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(small, unix.MNT_DETACH)
	for _, flag := range []string{"-oN", "-oJ", "-oC", "-oG", "--pcap"} {
		file := filepath.Join(small, "out")
		r := start(t, false, func(c *exec.Cmd) {}, "scan", "-q", "--reason", "-sA", "-p", "1-500", "127.0.0.1", flag, file, "-oJ", other).end(t)
		b, err := os.ReadFile(file)
		if err != nil || len(b) == 0 {
			t.Fatalf("%s: %v", flag, err)
		}
		switch {
		case flag == "--pcap":
			if n := packetsIn(t, file); r.code != exitInterrupted || n == 0 {
				t.Errorf("%s: exit %d, %d packets in %d bytes", flag, r.code, n, len(b))
			}
		case b[len(b)-1] != '\n':
			t.Errorf("%s: exit %d, ends with %q", flag, r.code, b[max(0, len(b)-20):])
		}
		if r.code == exitInterrupted && strings.Count(r.err, "\n") != 1 {
			t.Errorf("%s: says %q", flag, r.err)
		}
		text, err := os.ReadFile(other)
		if err != nil {
			t.Fatal(err)
		}
		records(t, string(text)) // from run to summary
		os.Remove(file)
	}
}

// packetsIn counts the packets of a capture that must be whole.
func packetsIn(t *testing.T, path string) (n int) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := capture.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var p capture.Packet
	for {
		switch err := r.Next(&p); {
		case err == nil:
			n++
		case err.Error() == "EOF":
			return n
		default:
			t.Fatalf("after %d packets: %v", n, err)
		}
	}
}

// Whatever is written to a full disk: one sentence, and the code of what was cut
// short.
func TestFullStandardOutput(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"help scan", "man", "man ping", "schema", "schema port", "version", "completion bash", "explain", "explain reset -o json", "--help", "doctor"} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, false, func(c *exec.Cmd) { c.Stdout = full }, strings.Fields(line)...).end(t)
		if r.code != exitInterrupted || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, "no space left") {
			t.Errorf("%s: exit %d: %s", line, r.code, r.err)
		}
	}
}
