//go:build linux

package lab

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

// apartRole is what TestApartCopy does where it is set.
const apartRole = "SYNSCOPE_TEST_APART_ROLE"

// TestApartCopy is the test that TestApartEndsAsItsCopy runs; by itself it has nothing
// to test.
func TestApartCopy(t *testing.T) {
	own, _ := os.Readlink(ownNetNS)
	switch role := os.Getenv(apartRole); {
	case role == "skip":
		t.Skip("as it was told")
	case role == "fail":
		t.Run("some", func(*testing.T) {})
		t.Run("one", func(t *testing.T) { t.Error("as it was told") })
	case role == "run":
		if list, err := net.Interfaces(); err != nil || len(list) != 1 || strings.HasSuffix(os.Getenv("OUTSIDE"), own) {
			t.Errorf("in %s: %v, %v", own, list, err)
		}
		t.Run("some", func(*testing.T) { fmt.Println("some ran") })
	}
}

// What becomes of a test in its copy becomes of the original, and the copy's network is
// its own.
func TestApartEndsAsItsCopy(t *testing.T) {
	Require(t)
	own, err := os.Readlink(ownNetNS)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("OUTSIDE", own)
	for _, tc := range []struct{ name, role, end string }{
		{"TestApartCopy", "run", "passed"}, {"TestApartCopy", "fail", "failed"}, {"TestApartCopy", "skip", "skipped"}, {"TestNoSuch", "run", "failed"},
	} {
		t.Setenv(apartRole, tc.role)
		original := &apartEnd{TB: t, name: tc.name}
		if Apart(original) {
			t.Errorf("%s goes on in the original", tc.role)
		}
		if tc.end == "failed" && (strings.Contains(original.said, "=== RUN") || strings.Contains(original.said, "/some")) {
			t.Errorf("what passed hides what failed: %s", original.said)
		}
		if end := original.end(); end != tc.end || !original.parallel || tc.role == "run" && tc.end == "passed" && !strings.Contains(original.said, "some ran") {
			t.Errorf("%s, %s: %s, parallel %v: %s", tc.name, tc.role, end, original.parallel, original.said)
		}
	}
}

// apartEnd notes how a test ends.
type apartEnd struct {
	TB
	name                      string
	failed, skipped, parallel bool
	said                      string
}

func (e *apartEnd) Name() string { return e.name }
func (e *apartEnd) Parallel()    { e.parallel = true }

func (e *apartEnd) Logf(format string, args ...any)   { e.said += fmt.Sprintf(format, args...) }
func (e *apartEnd) Errorf(format string, args ...any) { e.failed = true; e.Logf(format, args...) }
func (e *apartEnd) Skipf(format string, args ...any)  { e.skipped = true; e.Logf(format, args...) }

func (e *apartEnd) end() string {
	switch {
	case e.failed:
		return "failed"
	case e.skipped:
		return "skipped"
	}
	return "passed"
}
