//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// moment is how it is chosen when a run is killed.
type moment string

// The moments. A run's life lasts from its start to its end, as it was seen of
// runs that nobody killed.
const (
	never    moment = "never"
	starting moment = "starting" // within its first tenth of a second
	running  moment = "running"  // at any time of its life
	writing  moment = "writing"  // at something that happens to a file: checkpoint, results, lock
	ending   moment = "ending"   // in the last fifth of its life, or just after
)

var moments = []moment{starting, running, writing, writing, ending}

// lives knows how long runs last that nobody kills, and what they do to files.
type lives struct {
	mu     sync.Mutex
	length map[string]time.Duration // by engine, of whole runs
	events int                      // the most of any run
}

// guess is before any run has ended.
const guess = time.Second

func (l *lives) note(engine string, took time.Duration, events int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.length == nil {
		l.length = map[string]time.Duration{}
	}
	// A run that went on from where another was killed is shorter.
	l.length[engine], l.events = max(took, l.length[engine]*9/10), max(l.events, events)
}

func (l *lives) of(engine string) (length time.Duration, events int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if length = l.length[engine]; length == 0 {
		length = guess
	}
	return length, max(l.events, 20)
}

// kill is when one run is killed: after a time, or a little after so many events.
type kill struct {
	moment
	after  time.Duration
	events int
}

func (l *lives) choose(engine string, chance *rand.Rand) kill {
	length, events := l.of(engine)
	part := func(of time.Duration) time.Duration { return time.Duration(chance.Int64N(int64(of))) }
	switch k := (kill{moment: moments[chance.IntN(len(moments))]}); k.moment {
	case starting:
		k.after = part(100 * time.Millisecond)
		return k
	case writing:
		k.events, k.after = 1+chance.IntN(events), part(200*time.Microsecond)
		return k
	case ending:
		k.after = length - length/5 + part(length/4)
		return k
	default:
		k.after = part(length)
		return k
	}
}

// watch sees what happens to the files of a directory: inotify(7).
type watch struct {
	fd    int
	seen  int
	quit  chan struct{}
	ended chan struct{}
}

func newWatch(dir string) (*watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify_init1: %w", err)
	}
	const all = unix.IN_CREATE | unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_MOVE | unix.IN_DELETE
	if _, err := unix.InotifyAddWatch(fd, dir, all); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("inotify_add_watch: %w", err)
	}
	return &watch{fd: fd, quit: make(chan struct{}), ended: make(chan struct{})}, nil
}

// run counts events until the watch is closed, and calls at once, after the nth.
func (w *watch) run(n int, call func()) {
	defer close(w.ended)
	for {
		select {
		case <-w.quit:
			return
		default:
		}
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}, 20)
		if err != nil || ready == 0 {
			continue
		}
		before := w.seen
		if w.read(); before < n && w.seen >= n {
			call()
		}
	}
}

// read takes in what has happened.
func (w *watch) read() {
	var buffer [4096]byte
	n, err := unix.Read(w.fd, buffer[:])
	for at := 0; err == nil && at+unix.SizeofInotifyEvent <= n; w.seen++ {
		at += unix.SizeofInotifyEvent + nameLen(buffer[at:])
	}
}

// nameLen is the last field of an inotify_event, in the order of bytes of the machine.
func nameLen(event []byte) int {
	return int(binary.NativeEndian.Uint32(event[12:]))
}

// close returns how many events there were.
func (w *watch) close() int {
	close(w.quit)
	<-w.ended
	unix.Close(w.fd)
	return w.seen
}
