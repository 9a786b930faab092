package outfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// stream opens what cannot be replaced, and is written to as it is: a device, a
// named pipe, or a file that is open already, by its link in proc(5) as /dev/stdout
// and the shells' >(command) have it. It is nil where there is a file, or nothing.
func (p *place) stream() (*os.File, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(p.fd(), p.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, p.failed("open", unlessAbsent(err))
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR:
		return nil, nil
	case unix.S_IFLNK: // one of proc(5): the others have been followed
		return p.inherited()
	}
	f, _, err := p.openThere(unix.O_WRONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC)
	return f, err
}

// inherited is another descriptor of an open file of ours: it goes on where that
// one is, and does not begin at the beginning again as a file that is opened anew.
func (p *place) inherited() (*os.File, error) {
	dir, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", p.fd()))
	n, noNumber := strconv.Atoi(p.name)
	if err != nil || noNumber != nil || dir != fmt.Sprintf("/proc/%d/fd", os.Getpid()) {
		f, _, err := p.follow()
		return f, err
	}
	fd, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, p.failed("open", err)
	}
	return os.NewFile(uintptr(fd), p.path), nil
}

// pour writes into an open file, and closes it.
func pour(f *os.File, err error, write func(io.Writer) error) error {
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
