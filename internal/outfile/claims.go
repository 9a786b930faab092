package outfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Claims are the files of one run, each for one purpose. Two paths are one file
// if device and inode are the same, or, for a file that is not there yet, those
// of its directory and its name. The zero value has none.
type Claims struct {
	files []claimed
}

type claimed struct {
	path, purpose string
	info          fs.FileInfo // nil: not there
	dir           fs.FileInfo // of one that is not there; nil: neither
}

// The purposes of a file.
const (
	asInput  = "is read"
	asOutput = "is written"
)

// Input claims a file that the run reads.
func (c *Claims) Input(path string) {
	if f := look(path, asInput); f.info != nil && f.info.Mode().IsRegular() {
		c.files = append(c.files, f)
	}
}

// Output claims a file that the run writes. It fails with ErrClash where the run
// reads it, or writes it already. Devices and pipes have nothing to lose.
func (c *Claims) Output(path string) error { return c.write(look(path, asOutput)) }

// OutputFile is Output for a file that is open already, such as standard output.
func (c *Claims) OutputFile(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return nil // a closed one has nothing to lose
	}
	return c.write(claimed{path: f.Name(), purpose: asOutput, info: info})
}

func (c *Claims) write(f claimed) error {
	if f.info != nil && !f.info.Mode().IsRegular() {
		return nil
	}
	for _, other := range c.files {
		if f.same(other) {
			return fmt.Errorf("%s %s by this run already%s: %w", f.path, other.purpose, f.alias(other), ErrClash)
		}
	}
	c.files = append(c.files, f)
	return nil
}

// alias names the other where it is the same file by another path.
func (f claimed) alias(other claimed) string {
	if f.path == other.path {
		return ""
	}
	return ", as " + other.path
}

func look(path, purpose string) claimed {
	f := claimed{path: path, purpose: purpose}
	var err error
	if f.info, err = os.Stat(path); err != nil {
		f.info = nil
		if f.dir, err = os.Stat(filepath.Dir(path)); err != nil {
			f.dir = nil
		}
	}
	return f
}

func (f *claimed) same(other claimed) bool {
	switch {
	case f.info != nil && other.info != nil:
		return os.SameFile(f.info, other.info)
	case f.dir != nil && other.dir != nil:
		return os.SameFile(f.dir, other.dir) && filepath.Base(f.path) == filepath.Base(other.path)
	}
	return f.info == nil && other.info == nil && filepath.Clean(f.path) == filepath.Clean(other.path)
}
