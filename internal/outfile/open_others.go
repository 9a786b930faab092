//go:build !linux

package outfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

func open(path string, mode fs.FileMode) (f *os.File, made bool, err error) {
	if f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode); err == nil {
		return f, true, nil
	}
	f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, mode)
	return f, false, err
}

func remove(f *os.File) error {
	if info, err := f.Stat(); err != nil || info.Size() > 0 {
		return err
	}
	return os.Remove(f.Name())
}

func openOurs(path string) (*os.File, error) { return os.Open(path) }

func openLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, Private)
}

func replace(path string, mode fs.FileMode, write func(io.Writer) error) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, mode)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".synscope-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = write(f)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

// Unread is told by the next write alone.
func Unread(*os.File) bool { return false }
