package outfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// Unread reports whether a file is a pipe whose other end is closed: poll(2), POLLERR.
func Unread(f *os.File) (yes bool) {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(fds, 0)
		yes = err == nil && n > 0 && fds[0].Revents&unix.POLLERR != 0
	})
	return yes
}
