//go:build linux

package lab

import (
	"context"
	"fmt"
	"os"
)

// Main runs a package's tests inside a lab's prober namespace and returns the
// exit code; it is the whole of a TestMain. m is a *testing.M. Where namespaces
// are not permitted the tests run outside, and those that call [Require] are
// skipped.
func Main(m interface{ Run() int }) int {
	inside, code, err := Enter(context.Background())
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Unsetenv(marker)
		return m.Run()
	case inside:
		return m.Run()
	default:
		return code
	}
}
