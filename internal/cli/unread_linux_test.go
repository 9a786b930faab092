package cli

import (
	"context"
	"os"
	"syscall"
	"testing"

	"synscope/internal/outfile"
)

// Work that writes late ends with whoever reads what it writes, of which nothing is said.
func TestWhileRead(t *testing.T) {
	var ends [2]int
	if err := syscall.Pipe(ends[:]); err != nil {
		t.Fatal(err)
	}
	out := os.NewFile(uintptr(ends[1]), os.Stdout.Name())
	defer out.Close()
	if outfile.Unread(out) {
		t.Error("unread while its other end is open")
	}
	s := Streams{Out: out}
	ctx, stop := s.whileRead(t.Context())
	defer stop()
	syscall.Close(ends[0])
	<-ctx.Done()
	err := context.Cause(ctx)
	if said := explain(err); said != "" || exitCode(err) != exitInterrupted {
		t.Errorf("exit %d: %q", exitCode(err), said)
	}
}
