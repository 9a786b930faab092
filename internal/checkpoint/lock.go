package checkpoint

import (
	"errors"
	"fmt"
	"os"

	"synscope/internal/outfile"
)

// ErrLocked: another process works on the run of a checkpoint.
var ErrLocked = errors.New("another process works on this run")

// Lock keeps other processes from the run of a checkpoint, by flock(2) on a file
// beside it, until the lock is given back or the process ends, however it ends.
// It does not wait: where it is taken, the error is [ErrLocked].
func Lock(path string) (unlock func(), err error) {
	name := path + ".lock"
	for {
		f, err := outfile.OpenLock(name)
		if err != nil {
			return nil, fmt.Errorf("lock checkpoint: %w", err)
		}
		if err := lockFile(f); err != nil {
			f.Close()
			return nil, fmt.Errorf("lock checkpoint: %s: %w", name, err)
		}
		if isAt(f, name) {
			return func() { os.Remove(name); f.Close() }, nil
		}
		f.Close() // whoever held it has removed it meanwhile
	}
}

// isAt tells whether a name still leads to an open file.
func isAt(f *os.File, name string) bool {
	open, err := f.Stat()
	named, err2 := os.Lstat(name)
	return err == nil && err2 == nil && os.SameFile(open, named)
}
