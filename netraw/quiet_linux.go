package netraw

import (
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// quiet reports whether a reader waits because it has taken all that there was.
type quiet struct{ waiting atomic.Bool }

// begin and end stand round an attempt to read; what is not done waits.
func (q *quiet) begin() { q.waiting.Store(false) }

func (q *quiet) end(done bool) bool {
	q.waiting.Store(!done)
	return done
}

// quiet is looked at twice: a packet may arrive, and be taken, in between.
func (q *quiet) quiet(raw syscall.RawConn) bool {
	return q.waiting.Load() && !readable(raw) && q.waiting.Load()
}

// readable reports whether a read of the file would not wait, poll(2).
func readable(raw syscall.RawConn) (yes bool) {
	if raw == nil {
		return false
	}
	raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		yes = err == nil && n > 0
	})
	return yes
}
