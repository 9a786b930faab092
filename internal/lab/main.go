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

// Command runs a program inside a lab's prober namespace and returns its exit code;
// it is the whole of a main. Where namespaces are not permitted that is 3, and 1
// where run fails; what went wrong is said under the program's name.
func Command(name string, run func() error) int {
	inside, code, err := Enter(context.Background())
	switch {
	case err != nil:
		code = 3
	case !inside:
		return code
	default:
		if err = run(); err == nil {
			return 0
		}
		code = 1
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	return code
}
