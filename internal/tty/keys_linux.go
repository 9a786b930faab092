package tty

import (
	"os"

	"golang.org/x/sys/unix"
)

// keys turns off the line editing and the echo of a terminal, termios(3). Signals
// keep their keys.
func keys(f *os.File) (restore func(), err error) {
	before, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return nil, os.NewSyscallError("ioctl TCGETS", err)
	}
	raw := *before
	raw.Lflag &^= unix.ICANON | unix.ECHO
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, &raw); err != nil {
		return nil, os.NewSyscallError("ioctl TCSETS", err)
	}
	return func() { unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, before) }, nil
}
