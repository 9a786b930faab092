//go:build linux

package lab

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
)

// apartMark is set in a process that [Apart] started; its value is the test's name.
const apartMark = "SYNSCOPE_TEST_APART"

// TestingT is what [Apart] needs of a *testing.T.
type TestingT interface {
	TB
	Name() string
	Parallel()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Apart runs a test that changes the network of its process, or needs one in which
// nobody else does anything, beside other tests: in a copy of the test binary that
// has a network namespace of its own. In the copy it returns true, and the test goes
// on; in the original it is marked parallel, its end is that of the copy's, and it
// returns false: the test must return.
//
//	if !lab.Apart(t) {
//		return
//	}
//
// more are further namespaces to be made, such as syscall.CLONE_NEWNS. Where they are not
// permitted the test is forgone, as by [Require].
func Apart(t TestingT, more ...uintptr) bool {
	t.Helper()
	if os.Getenv(apartMark) == t.Name() {
		return true
	}
	t.Parallel()
	said, err := runApart(t.Name(), more)
	switch {
	case errors.Is(err, syscall.EPERM):
		Forgo(t, notPermitted(err))
	case err != nil:
		t.Errorf("%v\n%s", err, failures(said))
	case strings.Contains(said, "--- SKIP: "+t.Name()+" "):
		t.Skipf("%s", said)
	case !strings.Contains(said, "--- PASS: "+t.Name()+" "):
		t.Errorf("the test did not run\n%s", said)
	default:
		t.Logf("%s", said)
	}
	return false
}

// runApart runs a test in a copy that dies with this process, and returns what it said.
func runApart(name string, more []uintptr) (string, error) {
	runtime.LockOSThread() // Pdeathsig follows the thread that forked
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", apartArgs(name)...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), apartMark+"="+name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	for _, flag := range more {
		cmd.SysProcAttr.Cloneflags |= flag
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// failures is what a copy said without its lines about tests that began, waited, went
// on or passed: among hundreds of subtests nobody finds the one that failed.
func failures(said string) string {
	var kept strings.Builder
	for line := range strings.Lines(said) {
		if !uneventful.MatchString(line) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

var uneventful = regexp.MustCompile(`^\s*(=== (RUN|PAUSE|CONT|NAME) |--- PASS: )`)

// apartArgs are the arguments of a test binary that is to run one test, and as much
// of it as was asked for here.
func apartArgs(name string) []string {
	var each []string
	for part := range strings.SplitSeq(name, "/") {
		each = append(each, "^"+regexp.QuoteMeta(part)+"$")
	}
	asked := strings.Split(flagValue("test.run"), "/")
	if len(asked) > len(each) {
		each = append(each, asked[len(each):]...)
	}
	args := []string{"-test.run=" + strings.Join(each, "/"), "-test.v"}
	for _, name := range []string{"short", "timeout", "parallel"} {
		args = append(args, "-test."+name+"="+flagValue("test."+name))
	}
	return args
}

func flagValue(name string) string {
	if f := flag.Lookup(name); f != nil {
		return f.Value.String()
	}
	return ""
}
