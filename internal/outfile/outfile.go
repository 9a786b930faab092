package outfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Errors that the functions wrap.
var (
	// ErrClash: one file is to be read and written, or written twice.
	ErrClash = errors.New("one file for two purposes")
	// ErrUnsafe: somebody else may have put there what is there.
	ErrUnsafe = errors.New("in a directory that others may write to: choose another directory, or remove it")
)

// Modes of new files, before the umask.
const (
	// Public is that of results.
	Public fs.FileMode = 0o644
	// Private is that of captures, which hold what others have sent.
	Private fs.FileMode = 0o600
)

// Open opens a file for writing, made with mode if it is not there; it is not
// emptied. Devices and pipes are opened as they are. It fails with ErrUnsafe or
// as [os.OpenFile].
func Open(path string, mode fs.FileMode) (*os.File, error) {
	f, _, err := open(path, mode)
	return f, err
}

// Reserved is a file that is open for writing, and may still be taken back.
type Reserved struct {
	*os.File
	made bool // by Reserve
}

// Reserve is [Open] for a run that may be refused before it writes.
func Reserve(path string, mode fs.FileMode) (*Reserved, error) {
	f, made, err := open(path, mode)
	if err != nil {
		return nil, err
	}
	return &Reserved{f, made}, nil
}

// TakeBack closes the file. One that Reserve has made, and that is empty, is removed as
// far as this process still may: nothing is left of a run that did not begin.
func (r *Reserved) TakeBack() error {
	if r.made {
		remove(r.File)
	}
	return r.Close()
}

// ErrNotRegular: a pipe or a device is where a file should be; reading it may have
// no end.
var ErrNotRegular = errors.New("no regular file")

// ReadOurs reads what a run of the same user wrote, at most so many bytes: in a
// directory that others may write to, what is somebody else's is refused, since it
// says what is to be done. It fails with ErrUnsafe, ErrNotRegular or as [os.ReadFile].
func ReadOurs(path string, most int64) ([]byte, error) {
	f, err := openOurs(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, ErrNotRegular)
	}
	return io.ReadAll(io.LimitReader(f, most))
}

// OpenLock opens a file that is there to be locked, made if it is not there: for
// its user alone, and never through a symbolic link. It fails with ErrUnsafe or as
// [os.OpenFile]. Whoever holds the lock may remove the file, so what was opened may
// be at the path no more.
func OpenLock(path string) (*os.File, error) { return openLock(path) }

// Replace puts what write writes at path, in place of what was there; where it
// fails, what was there is unchanged. What is no regular file, as a device or a pipe,
// is written to, and stays. It is made to last before it returns, as
// far as the file system can. It fails with ErrUnsafe, with the error of write or
// as [os.OpenFile].
func Replace(path string, mode fs.FileMode, write func(io.Writer) error) error {
	return replace(path, mode, write)
}
