package cli

import (
	"io"
	"os"
	"syscall"
	"testing"
	"time"
)

// A file that was inherited, such as a script's lock, is not held by the process that
// keeps a right: that may live a moment longer than the run.
func TestKeeperHoldsNothingInherited(t *testing.T) {
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil { // without O_CLOEXEC, as what a shell hands on
		t.Fatal(err)
	}
	lock := os.NewFile(uintptr(fds[0]), "lock")
	defer lock.Close()
	keeper, err := startKeeper(keeperWord)
	syscall.Close(fds[1])
	if err != nil {
		t.Fatal(err)
	}
	defer keeper.Close()
	released := make(chan error, 1)
	go func() {
		_, err := lock.Read(make([]byte, 1))
		released <- err
	}()
	select {
	case err := <-released:
		if err != io.EOF {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the keeper holds the other end of a pipe that was inherited")
	}
}
