//go:build linux

package lab

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
)

var errNoTcpdump = errors.New("tcpdump does not start in the user namespace of an ordinary user")

// TB is what [Require] and its like need of a *testing.T.
type TB interface {
	Helper()
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Forgo skips a test for which this machine or user has not what it takes, and
// fails it if the environment says CI=true: there, nothing is left out unseen.
func Forgo(t TB, why error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%v", why)
	}
	t.Skipf("%v", why)
}

// Require forgoes the test where [Main] could not make a private network; the
// note at the start of the run says why.
func Require(t TB) {
	t.Helper()
	if !Inside() {
		Forgo(t, ErrNotPermitted)
	}
}

// Shared is Require for a test that shares with others what open makes; it fails where that fails.
func Shared[T any](t TB, open func() (T, error)) T {
	t.Helper()
	Require(t)
	shared, err := open()
	if err != nil {
		t.Fatalf("%v", err)
	}
	return shared
}

// RequireTun is Require for a test that needs an interface without a link
// layer, too: on most machines only root may open /dev/net/tun.
func RequireTun(t TB) {
	t.Helper()
	Require(t)
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		Forgo(t, err)
		return
	}
	f.Close()
}

// Tcpdump returns the path of tcpdump for a test that captures beside itself,
// and skips the test where there is none. It forgoes it where tcpdump does not
// start: that gives up its privileges with setgroups(2), which a user namespace
// that an ordinary user made denies (user_namespaces(7)).
func Tcpdump(t TB) string {
	t.Helper()
	path, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skipf("tcpdump is not installed")
	}
	if word, _ := os.ReadFile("/proc/self/setgroups"); bytes.HasPrefix(word, []byte("deny")) {
		Forgo(t, errNoTcpdump)
	}
	return path
}
