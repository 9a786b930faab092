package cli

import (
	"context"
	"sync/atomic"
	"time"
)

// work says whether a command is in the part that an interrupt ends in good order. Before
// that it opens and reads the files of its command line, and a named pipe whose other end
// nobody opens may block it for ever (fifo(7)). A nil work does nothing.
type work struct{ underWay atomic.Bool }

func (w *work) begin() {
	if w != nil {
		w.underWay.Store(true)
	}
}

// end says that what follows may block for ever again.
func (w *work) end() {
	if w != nil {
		w.underWay.Store(false)
	}
}

// abandonAfter is how long a command that is not at its work has to end by itself.
const abandonAfter = time.Second

// watchAbandoned ends the process where a command that was interrupted waits for a file.
// Nothing has been sent then, and no output has been begun.
func (s *Streams) watchAbandoned(ctx context.Context) (stop func() bool) {
	s.work = &work{}
	if s.Abandon == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, func() {
		for waited := time.Duration(0); waited < abandonAfter; waited += abandonAfter / 10 {
			time.Sleep(abandonAfter / 10)
			if s.work.underWay.Load() {
				waited = 0
			}
		}
		say(s.Err, "interrupted while a file was opened or read")
		s.Abandon(exitInterrupted)
	})
}
