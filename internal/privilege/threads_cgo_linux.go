//go:build cgo

package privilege

import (
	"errors"
	"os"
)

// reachesThreads tells whether all threads of a program with C code in it can be
// reached: libpsx finds them in proc(5), and waits for ever where it is not mounted.
func reachesThreads() error {
	if _, err := os.ReadDir("/proc/self/task"); err != nil {
		return errors.New("/proc is not there, and this program was built with cgo: mount it, or build with CGO_ENABLED=0")
	}
	return nil
}
