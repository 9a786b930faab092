package main

import (
	"os/exec"
	"strings"
	"testing"
)

// Where a process may have few addresses (ulimit -v), the program works, or says in
// one sentence that it may have too few; it does not end with a stack trace.
func TestFewAddresses(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: builds the program")
	}
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("no prlimit: apt-get install util-linux")
	}
	program := installed(t)
	for _, tc := range []struct {
		bytes string
		code  int
		says  string
	}{{"850000000", 3, "ulimit -v"}, {"1000000000", 0, ""}} {
		c := exec.CommandContext(t.Context(), prlimit, "--as="+tc.bytes, program, "explain", "accept-queue-full")
		var said strings.Builder
		c.Stderr = &said
		c.Run()
		lines := 0
		if tc.says != "" {
			lines = 1
		}
		if code := c.ProcessState.ExitCode(); code != tc.code || strings.Count(said.String(), "\n") != lines || !strings.Contains(said.String(), tc.says) {
			t.Errorf("%s bytes: exit %d: %.300s", tc.bytes, code, said.String())
		}
	}
}
