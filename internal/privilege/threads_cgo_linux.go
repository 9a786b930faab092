//go:build cgo

package privilege

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// reachesThreads tells whether all threads of a program with C code in it can be
// reached: libpsx finds them in proc(5), and waits for ever where it is not mounted.
func reachesThreads() error {
	_, err := os.ReadDir("/proc/self/task")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("/proc is not there, and this program was built with cgo: mount it, or build with CGO_ENABLED=0")
	case errors.Is(err, syscall.EMFILE):
		return fmt.Errorf("%w: raise the limit of file descriptors (`ulimit -n`)", err)
	}
	return err
}
