package tty

import (
	"os"

	"golang.org/x/sys/unix"
)

// is asks for the settings of a line, which only a terminal has (termios(3)).
func is(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// size is TIOCGWINSZ's answer (ioctl_tty(2)).
func size(f *os.File) (columns, lines int, ok bool) {
	w, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || w.Col == 0 {
		return 0, 0, false
	}
	return int(w.Col), int(w.Row), true
}
