//go:build !linux

package tty

import (
	"errors"
	"os"
)

// is tells a terminal from a file by its kind, as far as that goes.
func is(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func size(*os.File) (columns, lines int, ok bool) { return 0, 0, false }

func keys(*os.File) (restore func(), err error) { return nil, errors.ErrUnsupported }
