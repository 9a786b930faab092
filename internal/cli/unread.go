package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"synscope/internal/outfile"
	"synscope/internal/report/sink"
)

// unreadEvery is how often it is looked whether standard output is read.
const unreadEvery = 100 * time.Millisecond

// whileRead returns a context that also ends once nobody reads standard output any more,
// for what takes long until it writes again. Its cause is the error that a write would
// give then.
func (s *Streams) whileRead(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	out, ok := s.Out.(*os.File)
	if !ok {
		return ctx, func() { cancel(nil) }
	}
	look := time.NewTicker(unreadEvery)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
				if outfile.Unread(out) {
					cancel(fmt.Errorf("%w: %w", sink.ErrWrite, &fs.PathError{Op: "write", Path: out.Name(), Err: syscall.EPIPE}))
				}
			}
		}
	}()
	return ctx, func() { look.Stop(); cancel(nil) }
}
