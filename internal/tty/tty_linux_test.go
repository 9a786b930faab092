package tty

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A pseudo-terminal is one, of the size that it was given; a file, a pipe and the
// null device, though a character device, are none.
func TestTerminal(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 121}); err != nil {
		t.Fatal(err)
	}
	columns, lines, ok := Size(master)
	if !Is(master) || !ok || columns != 121 || lines != 33 {
		t.Errorf("%v, %d by %d, %v", Is(master), columns, lines, ok)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, f := range []*os.File{null, r} {
		if _, _, ok := Size(f); ok || Is(f) {
			t.Errorf("%s is a terminal", f.Name())
		}
	}
}
