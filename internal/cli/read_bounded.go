package cli

import (
	"fmt"
	"io"
	"os"
)

// readAtMost reads a file that is kept as a whole: no more of it than most bytes, for
// a device or a pipe may have no end.
func readAtMost(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return allOf(f, path, most)
}

// allOf does so of what is open.
func allOf(r io.Reader, name string, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s: more than %d bytes", name, most)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}
