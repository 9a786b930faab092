package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A named pipe whose other end nobody opens is waited for until an interrupt, as input and
// as output of every command; then the program ends with its code.
func TestTermWhileAPipeIsWaitedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := filepath.Join(dir, "run.json")
	os.WriteFile(run, []byte(`{"type":"run","schema":"synscope/1","version":"0","command":"doctor","args":[],"start":"2026-01-01T00:00:00Z"}`+"\n"), 0o600)
	for _, line := range []string{
		"scan 127.0.0.1 -p 1 -oJ PIPE", "scan -p 1 -iL PIPE", "scan 127.0.0.1 -p 1 --exclude-file PIPE", "read PIPE", "check PIPE", "report PIPE --html " + filepath.Join(dir, "page.html"),
		"report " + run + " --html PIPE", "isn --from PIPE", "merge PIPE", "check --diff PIPE PIPE", "handshake 127.0.0.1:1 --data @PIPE",
		"ping 127.0.0.1:1 --metrics 127.0.0.1:0 --probe-modules PIPE",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			pipe := filepath.Join(t.TempDir(), "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			p := start(t, asRoot, nil, strings.Fields(strings.ReplaceAll(line, "PIPE", pipe))...)
			settles(t, p.Process.Pid)
			p.Process.Signal(syscall.SIGTERM)
			if r := p.end(t); r.code != exitInterrupted || !strings.Contains(r.err, "interrupted") {
				t.Errorf("exit %d: %s", r.code, r.err)
			}
		})
	}
}

// settles waits until a process that ignores SIGPIPE, as the program does before it looks
// at its command line, has nothing to do: each of its threads sleeps (proc_pid_stat(5)).
func settles(t *testing.T, pid int) {
	t.Helper()
	quiet := 0
	await(t, "the program to wait", func() bool {
		if quiet++; !ignores(pid, syscall.SIGPIPE) || !sleeps(pid) {
			quiet = 0
		}
		return quiet == 5
	})
}

func ignores(pid int, signal syscall.Signal) bool {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(status), "SigIgn:\t")
	mask, _, _ := strings.Cut(rest, "\n")
	ignored, _ := strconv.ParseUint(mask, 16, 64)
	return ignored>>(signal-1)&1 == 1
}

func sleeps(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	return len(threads) > 0 && !slices.ContainsFunc(threads, func(path string) bool {
		stat, err := os.ReadFile(path)
		_, rest, _ := strings.Cut(string(stat), ") ")
		return err == nil && !strings.HasPrefix(rest, "S")
	})
}
