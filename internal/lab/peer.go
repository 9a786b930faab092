//go:build linux

package lab

import (
	"bytes"
	"os"
	"os/exec"
)

// Tcpdump returns the path of tcpdump for a test that captures beside itself,
// and skips the test where there is none, or where it would not start: it gives
// up its privileges with setgroups(2), which a user namespace that an ordinary
// user made denies (user_namespaces(7)).
func Tcpdump(t TB) string {
	t.Helper()
	path, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skipf("tcpdump is not installed")
	}
	if word, _ := os.ReadFile("/proc/self/setgroups"); bytes.HasPrefix(word, []byte("deny")) {
		t.Skipf("tcpdump does not start in the user namespace of an ordinary user")
	}
	return path
}
