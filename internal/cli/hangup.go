package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// hangup is what SIGHUP does: it ends the run in good order, as SIGTERM does,
// unless the command reads its lists again. A nil one does nothing.
type hangup struct {
	mu     sync.Mutex
	reload func() bool // false: end the run after all; nil: end it
}

// watchHangups returns a context that a SIGHUP cancels, unless a command has taken it over.
func watchHangups(ctx context.Context, signals <-chan os.Signal) (context.Context, *hangup, func()) {
	ctx, cancel := context.WithCancel(ctx)
	h := &hangup{}
	if signals == nil {
		return ctx, h, cancel
	}
	go func() {
		for {
			select {
			case <-signals:
				if !h.taken() {
					signal.Reset(syscall.SIGHUP) // the second ends the process at once
					cancel()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, h, cancel
}

// taken reloads, and reports whether the command does that.
func (h *hangup) taken() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reload != nil && h.reload()
}

// take has SIGHUP call reload, which must not wait, in place of ending the run.
func (h *hangup) take(reload func() bool) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reload = reload
}
