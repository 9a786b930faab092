package outfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// maxLinks bounds a chain of symbolic links: path_resolution(7).
const maxLinks = 40

// Descriptor is the open file of this process that a path leads to through links of
// proc(5), as /dev/stdout and /dev/fd/1 lead to 1; ok is false where it leads to none.
func Descriptor(path string) (fd int, ok bool) {
	for range maxLinks {
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return 0, false
		}
		name := filepath.Base(path)
		if dir == fmt.Sprintf("/proc/%d/fd", os.Getpid()) {
			fd, err = strconv.Atoi(name)
			return fd, err == nil
		}
		next, err := os.Readlink(filepath.Join(dir, name))
		if err != nil {
			return 0, false
		}
		if path = next; !filepath.IsAbs(next) {
			path = filepath.Join(dir, next)
		}
	}
	return 0, false
}
